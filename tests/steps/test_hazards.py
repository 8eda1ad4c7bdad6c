"""Barriers, files and process state, as tables: a text and what must be seen in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mlops_nb.notebook.cells import Cell
from mlops_nb.steps.names import read_flow

if TYPE_CHECKING:
    from mlops_nb.steps.flow import Flow


def flow_of(source: str) -> Flow:
    flow, diagnostics = read_flow(Cell("c", 0, "code", source))
    assert diagnostics == []
    return flow


@pytest.mark.parametrize(
    ("source", "reads", "writes"),
    [
        ("open('a.txt')", "a.txt", ""),
        ("open('a.txt', 'w')", "", "a.txt"),
        ("open('a.txt', mode='a')", "a.txt", "a.txt"),
        ("open('a.txt', 'r+')", "a.txt", "a.txt"),
        ("open('a.txt', mode)", "a.txt", "a.txt"),
        ("open(file='a.txt')", "a.txt", ""),
        ("gzip.open('a.gz', 'wb')", "", "a.gz"),
        ("zipfile.ZipFile('a.zip')", "a.zip", ""),
        ("h5py.File('a.h5', 'w')", "", "a.h5"),
        ("with open('a.json') as f:\n    json.load(f)", "a.json", ""),
        ("with open('a.pkl', 'wb') as f:\n    pickle.dump(x, f)", "", "a.pkl"),
        # pandas and friends
        ("pd.read_csv('data/a.csv')", "data/a.csv", ""),
        ("pd.read_csv('./data/../a.csv')", "a.csv", ""),
        ("pd.read_csv(filepath_or_buffer='a.csv', sep=';')", "a.csv", ""),
        ("pl.scan_parquet('a.parquet')", "a.parquet", ""),
        ("df.to_csv('a.csv', index=False)", "", "a.csv"),
        ("df.groupby('k').sum().to_parquet('a.parquet')", "", "a.parquet"),
        ("text = df.to_csv()", "", ""),
        ("df.write_parquet('a.parquet')", "", "a.parquet"),
        ("with pd.ExcelWriter('a.xlsx') as w:\n    df.to_excel(w)", "", "a.xlsx"),
        ("np.load('a.npy')", "a.npy", ""),
        ("np.save('a.npy', x)", "", "a.npy"),
        ("np.savetxt('a.txt', x)", "", "a.txt"),
        ("joblib.load('m.joblib')", "m.joblib", ""),
        ("joblib.dump(m, 'm.joblib')", "", "m.joblib"),
        ("from joblib import dump\ndump(m, 'm.joblib')", "", "m.joblib"),
        ("torch.save(m.state_dict(), 'm.pt')", "", "m.pt"),
        ("model.save('m.keras')", "", "m.keras"),
        ("nlp = spacy.load('en_core_web_sm')", "", ""),
        ("plt.savefig('a.png')", "", "a.png"),
        ("fig.savefig(fname='a.png')", "", "a.png"),
        ("plt.imread('a.png')", "a.png", ""),
        ("sqlite3.connect('a.db')", "a.db", "a.db"),
        # paths that are built
        ("Path('a.txt').read_text()", "a.txt", ""),
        ("Path('out', 'a.txt').write_text(t)", "", "out/a.txt"),
        ("(Path('out') / 'sub' / 'a.txt').open('w')", "", "out/sub/a.txt"),
        ("pd.read_csv(os.path.join('data', 'a.csv'))", "data/a.csv", ""),
        ("pd.read_csv('data/' + 'a.csv')", "data/a.csv", ""),
        ("pd.read_csv(f'data/{year}/a_{kind}.csv')", "data/{year}/a_{kind}.csv", ""),
        ("pd.read_csv(Path(folder) / 'a.csv')", "{folder}/a.csv", ""),
        ("pd.read_csv(folder / 'a.csv')", "{folder}/a.csv", ""),
        ("pd.read_csv(path)", "{path}", ""),
        ("pd.read_csv('https://example.org//a.csv')", "https://example.org//a.csv", ""),
        ("p = 'a.csv'\npd.read_csv(p)", "a.csv", ""),
        ("d = Path('data')\np = d / 'a.csv'\npd.read_csv(p)", "data/a.csv", ""),
        ("n = 3\nopen(f'a_{n}.txt')", "a_{n}.txt", ""),
        ("p = 'a'\nif c:\n    p = 'b'\nopen(p)", "", ""),
        ("for p in paths:\n    pd.read_csv(p)", "", ""),
        ("pd.read_csv(paths[0])", "", ""),
        ("path.read_text()", "{path}", ""),
        ("Path('data').glob('*.csv')", "data/*.csv", ""),
        ("Path('data').rglob('*.csv')", "data/**/*.csv", ""),
        ("glob.glob('data/*.csv')", "data/*.csv", ""),
        ("text.replace('a', 'b')", "", ""),
        # the file system
        ("os.remove('a')", "", "a"),
        ("os.makedirs('out', exist_ok=True)", "", "out"),
        ("Path('out').mkdir()", "", "out"),
        ("os.path.exists('a')", "a", ""),
        ("shutil.copy('a', 'b')", "a", "b"),
        ("shutil.move('a', 'b')", "a", "a b"),
        ("Path('a').rename('b')", "a", "a b"),
        ("urllib.request.urlretrieve(url, 'a.zip')", "", "a.zip"),
        # in functions: a parameter of theirs is nobody's template
        ("def load(): return pd.read_csv('a.csv')", "a.csv", ""),
        ("def load(path): return pd.read_csv(path)", "", ""),
        ("def load(name): return pd.read_csv(f'{folder}/a.csv')", "{folder}/a.csv", ""),
        # magics
        ("%%writefile m.py\nx = 1", "", "m.py"),
        ("%%writefile -a m.py\nx = 1", "m.py", "m.py"),
        ("%run other.ipynb", "other.ipynb", ""),
        ("%%time\ndf.to_csv('a.csv')", "", "a.csv"),
    ],
)
def test_files_are_seen(source: str, reads: str, writes: str) -> None:
    flow = flow_of(source)
    assert set(flow.reads_files) == set(reads.split()), "reads"
    assert set(flow.writes_files) == set(writes.split()), "writes"


@pytest.mark.parametrize(
    ("source", "kinds"),
    [
        ("import random", ""),
        ("random.seed(1)", "random"),
        ("from random import choice\nchoice(xs)", "random"),
        ("random.Random(1).choice(xs)", ""),
        ("np.random.rand(3)", "numpy.random"),
        ("import numpy\nnumpy.random.seed(0)", "numpy.random"),
        ("import numpy as n\nn.random.seed(0)", "numpy.random"),
        ("from numpy.random import rand\nrand()", "numpy.random"),
        ("rng = np.random.default_rng(0)", ""),
        ("df.sample(5)", "numpy.random"),
        ("df.sample(5, random_state=1)", ""),
        ("train_test_split(X, y)", "numpy.random"),
        ("train_test_split(X, y, random_state=None)", "numpy.random"),
        ("RandomForestClassifier(n_estimators=10)", "numpy.random"),
        ("LinearRegression()", ""),
        ("make_pipeline(a, b)", ""),
        ("os.environ['A'] = '1'", "environ"),
        ("from os import environ\nenviron.get('A')", "environ"),
        ("os.getenv('A')", "environ"),
        ("%env A=1", "environ"),
        ("os.chdir('x')", "cwd"),
        ("Path.cwd()", "cwd"),
        ("%cd x", "cwd"),
        ("sys.path.append('x')", "sys.path"),
        ("sys.path_hooks", ""),
        ("warnings.filterwarnings('ignore')", "warnings"),
        ("pd.set_option('display.width', 9)", "pandas.options"),
        ("pd.options.display.width = 9", "pandas.options"),
        ("np.set_printoptions(precision=2)", "numpy.options"),
        ("plt.plot(x)", "matplotlib"),
        ("plt.rcParams['a'] = 1", "matplotlib"),
        ("sns.set_theme()", "matplotlib"),
        ("sns.load_dataset('iris')", ""),
        ("df.plot(x='a')", "matplotlib"),
        ("df['a'].hist()", "matplotlib"),
        ("%matplotlib inline", "matplotlib"),
        ("%config InlineBackend.figure_format = 'svg'", "matplotlib"),
        ("locale.setlocale(locale.LC_ALL, 'C')", "locale"),
        ("decimal.getcontext().prec = 5", "decimal"),
        ("logging.basicConfig()", "logging"),
        ("_ + 1", "history"),
        ("Out[3]", "history"),
        ("_i4", "history"),
        ("for _ in xs:\n    print(_)", ""),
        ("def f(warnings):\n    warnings.append(1)", ""),
        ("def f():\n    import numpy as n\n    n.random.seed(0)", "numpy.random"),
        ("def f():\n    random.seed(0)", "random"),
        ("plt = 1\nplt.x", ""),
    ],
)
def test_process_state_is_seen(source: str, kinds: str) -> None:
    assert set(flow_of(source).ambient) == set(kinds.split())


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("x = 1\neval(text)", 2),
        ("exec(open('a.py').read())", 1),
        ("compile(text, 'a', 'exec')", 1),
        ("names = list(globals())", 1),
        ("for k, v in locals().items(): pass", 1),
        ("globals().update(d)", 1),
        ("globals().update(**d)", 1),
        ("'{x}'.format(**globals())", 1),
        ("get_ipython()", 1),
        ("get_ipython().run_line_magic(name, 'x')", 1),
        ("from __main__ import x", 1),
        ("import sys\nsys.modules['__main__'].x", 2),
        ("import sys as s\ns.modules[name]", 2),
        ("inspect.currentframe()", 1),
        ("sys._getframe(1)", 1),
        ("pd.eval(text)", 1),
        ("def f(s):\n    return eval(s)", 2),
        ("%reset -f", 1),
        ("%%R -i df\nplot(df)", 1),
        ("%who", 1),
    ],
)
def test_a_barrier_has_its_line_and_its_reason(source: str, line: int) -> None:
    (place,) = flow_of(source).barrier
    assert place.line == line
    assert place.what


@pytest.mark.parametrize(
    "source",
    [
        "re.compile(text)",
        "model.eval()",
        "df.eval('a + b')",
        "pd.eval('a + b')",
        "eval('x')",
        "exec('x = 1')",
        "compile('1', 'a', 'eval')",
        "exec(code, {'x': 1})",
        "vars(x)",
        "dir(x)",
        "sys.modules['json']",
        "def f(): return locals()",
        "globals = 1\nglobals",
        "get_ipython().run_line_magic('matplotlib', 'inline')",
        "%load_ext autoreload\n%autoreload 2",
        "!ls",
        "%%html\n<b>",
    ],
)
def test_what_only_looks_like_a_barrier_is_none(source: str) -> None:
    assert flow_of(source).barrier == ()
