"""The names of what changes a process in a way that nobody can read back and set elsewhere."""

from __future__ import annotations

import re

# Dotted names, as they are called after imports are resolved.
BINDING = frozenset(
    {
        "altair.data_transformers.disable_max_rows",
        "altair.data_transformers.enable",
        "altair.renderers.enable",
        "altair.themes.enable",
        "asyncio.create_task",
        "asyncio.ensure_future",
        "atexit.register",
        "calendar.setfirstweekday",
        "codecs.register",
        "codecs.register_error",
        "codecs.unregister",
        "copyreg.constructor",
        "copyreg.pickle",
        "csv.field_size_limit",
        "csv.register_dialect",
        "csv.unregister_dialect",
        "faulthandler.enable",
        "gc.callbacks",
        "gc.disable",
        "gc.enable",
        "gc.freeze",
        "gc.set_debug",
        "gc.set_threshold",
        "gettext.bindtextdomain",
        "gettext.install",
        "gettext.textdomain",
        "joblib.register_parallel_backend",
        "joblib.register_store_backend",
        "logging.addLevelName",
        "logging.basicConfig",
        "logging.captureWarnings",
        "logging.config",
        "logging.config.dictConfig",
        "logging.config.fileConfig",
        "logging.disable",
        "logging.setLogRecordFactory",
        "logging.setLoggerClass",
        "matplotlib.colormaps.register",
        "matplotlib.colors.get_named_colors_mapping",
        "matplotlib.font_manager.fontManager.addfont",
        "matplotlib.projections.register_projection",
        "matplotlib.pyplot.connect",
        "matplotlib.pyplot.register_cmap",
        "matplotlib.scale.register_scale",
        "mimetypes.add_type",
        "mimetypes.init",
        "multiprocessing.set_start_method",
        "nest_asyncio.apply",
        "numba.set_num_threads",
        "numpy.polynomial.set_default_printstyle",
        "numpy.set_string_function",
        "numpy.setbufsize",
        "numpy.seterrcall",
        "os.nice",
        "os.umask",
        "pandas.api.extensions.register_dataframe_accessor",
        "pandas.api.extensions.register_extension_dtype",
        "pandas.api.extensions.register_index_accessor",
        "pandas.api.extensions.register_series_accessor",
        "pandas.plotting.deregister_matplotlib_converters",
        "pandas.plotting.register_matplotlib_converters",
        "requests_cache.install_cache",
        "requests_cache.uninstall_cache",
        "resource.setrlimit",
        "scipy.fft.register_backend",
        "scipy.fft.set_global_backend",
        "scipy.special.seterr",
        "shutil.register_archive_format",
        "shutil.register_unpack_format",
        "shutil.unregister_archive_format",
        "shutil.unregister_unpack_format",
        "signal.alarm",
        "signal.setitimer",
        "signal.signal",
        "socket.setdefaulttimeout",
        "sqlite3.register_adapter",
        "sqlite3.register_converter",
        "sympy.init_printing",
        "sys.addaudithook",
        "sys.setprofile",
        "sys.setswitchinterval",
        "sys.settrace",
        "threading.Thread",
        "threading.Timer",
        "threading.setprofile",
        "threading.settrace",
        "threading.stack_size",
        "time.tzset",
        "tracemalloc.start",
        "urllib.request.install_opener",
        "weakref.finalize",
        "xgboost.set_config",
        "xml.etree.ElementTree.register_namespace",
        "IPython.core.magic.Magics",
        "IPython.core.magic.magics_class",
        "IPython.core.magic.register_cell_magic",
        "IPython.core.magic.register_line_cell_magic",
        "IPython.core.magic.register_line_magic",
    }
)
# These end their effect themselves where they stand in a `with`.
BINDING_UNLESS_WITH = frozenset(
    {
        "dask.config.set",
        "joblib.parallel_backend",
        "joblib.parallel_config",
        "matplotlib.interactive",
        "matplotlib.pyplot.ioff",
        "sklearn.utils.parallel_backend",
        "threadpoolctl.threadpool_limits",
        "warnings.catch_warnings",
    }
)
# Methods whose effect lies in a library's own tables, whatever the object is called.
BINDING_METHODS = frozenset(
    {
        "addFilter",
        "addHandler",
        "add_constructor",
        "add_implicit_resolver",
        "add_multi_constructor",
        "add_multi_representer",
        "add_representer",
        "mpl_connect",
        "removeHandler",
        "setLevel",
    }
)
# Random streams of libraries whose state does not travel: what draws from them does so in one process, seeded once.
UNCARRIED_SEEDS = frozenset(
    {
        "accelerate.utils.set_seed",
        "keras.utils.set_random_seed",
        "lightning.pytorch.seed_everything",
        "lightning.seed_everything",
        "pytorch_lightning.seed_everything",
        "tensorflow.keras.utils.set_random_seed",
        "tensorflow.random.set_seed",
        "torch.cuda.manual_seed",
        "torch.cuda.manual_seed_all",
        "transformers.set_seed",
    }
)
# Settings of libraries that keep them in their own way.
FAMILIES = re.compile(
    r"polars\.Config\.(set|load|restore|activate)\w*|torch\.(set|use)_(?!grad_enabled|rng_state|default_dtype|printoptions|deterministic_algorithms)\w+"
    r"|torch\.backends(\.\w+)+\.(allow_\w+|benchmark|deterministic|enabled)|tensorflow\.config(\.\w+)*\.(set|enable)_\w+"
    r"|(datasets|optuna|transformers)\.(utils\.)?logging\.(set|enable|disable)_\w+"
    r"|mlflow\.(\w+\.)?(autolog|set_experiment|set_tracking_uri|set_registry_uri)|yaml\.add_\w+"
)
