"""Reading calls: what they may change, and those that reach the namespace itself (`exec`, `globals()`, magics)."""

from __future__ import annotations

import ast

from mlops_nb.steps import hazards, magics
from mlops_nb.steps.reading import Reading
from mlops_nb.steps.record import Root, containing
from mlops_nb.steps.scopes import Kind

_NAMESPACES = frozenset({"globals", "locals", "vars", "dir"})
# Libraries that evaluate a text with the caller's variables.
_EVALUATORS = frozenset({"pandas.eval", "numexpr.evaluate", "ne.evaluate"})
_MAIN = "__main__"


class Calls(Reading):
    """Reads calls."""

    def on_call(self, node: ast.Call, *, quiet: bool) -> None:  # noqa: ARG002 - the handlers' signature
        """Read a call: function, arguments, and what it does with them."""
        name = self.dotted(node.func)
        if self.reaches_namespace(node, name):
            return
        function = node.func
        if isinstance(function, ast.Name):
            self.read(function.id, function, call=True)
        else:
            self.expression(function)
        if isinstance(function, ast.Attribute):
            self.change_roots(function.value, f"may be changed by `.{function.attr}()`")
        self.arguments(node, name)
        found = hazards.of_call(node, name, self.texts)
        self.record.reads_files |= dict.fromkeys(found.reads)
        self.record.writes_files |= dict.fromkeys(found.writes)
        for kind in found.ambient:
            self.record.ambient.setdefault(kind, self.place(node, f"`{ast.unparse(function)}()`"))
        if found.barrier:
            self.block_off(node, found.barrier)
        for used in found.uses:
            self.read(used, node)

    def arguments(self, node: ast.Call, name: str | None) -> None:
        """Read a call's arguments, which it may change, and keep."""
        harmless = name in hazards.HARMLESS and self.is_builtin(node.func)
        given: list[Root] = []
        for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
            self.expression(argument)
            if not harmless:
                self.change_roots(argument, "is passed to a call")
                given += self.roots(argument)
        if isinstance(node.func, ast.Attribute):
            # `results.append(x)`: later changes of `results[0]` are changes of `x`.
            for root in self.roots(node.func.value):
                self.view(root.key, containing(given))

    def is_builtin(self, node: ast.expr) -> bool:
        """Say whether a name stands for the builtin of that name."""
        if not isinstance(node, ast.Name) or "." in self.key(node.id):
            return False
        return node.id not in self.own and node.id not in self.rebound

    def is_namespace(self, node: ast.expr) -> bool:
        """Say whether `node` is the notebook's namespace: `globals()`, or at the top level `locals()` and the like."""
        match node:
            case ast.Call(func=ast.Name(id=name) as function, args=[], keywords=[]) if name in _NAMESPACES:
                local = name != "globals" and self.scopes[-1].kind is not Kind.MODULE
                return self.is_builtin(function) and not local
        return False

    def is_main(self, key: ast.expr) -> bool:
        """Say whether `sys.modules[key]` may be the notebook."""
        return not isinstance(key, ast.Constant) or key.value == _MAIN

    def reaches_namespace(self, node: ast.Call, name: str | None) -> bool:
        """Read a call that reads or binds names by their spelling, and say whether `node` was one."""
        if self.is_namespace(node):
            self.block_off(node, f"`{name}()` gives the whole namespace")
            return True
        if name in {"eval", "exec", "compile"} and self.is_builtin(node.func):
            return self.evaluates(node, name)
        match node:
            case ast.Call(func=ast.Attribute(value=value, attr=method)) if self.is_namespace(value):
                return self.by_name(node, method)
            case ast.Call(func=ast.Attribute(value=value, attr=method)) if self.is_shell(value):
                self.shell(node, method)
                return True
            case ast.Call(args=[ast.Constant(value=str(module)), *_]) if name in {
                "__import__",
                "importlib.import_module",
                "import_module",
            }:
                self.record.imports[module] = None
            case ast.Call(args=[ast.Constant(value=str(text)), *_]) if name in _EVALUATORS:
                self.run_text(text, node, apart=True)
            case ast.Call(args=[_, *_]) if name in _EVALUATORS:
                self.block_off(node, f"`{name}` evaluates a text that only the running code knows")
        if self.is_shell(node):
            self.block_off(node, "`get_ipython()` gives the whole namespace")
            return True
        return False

    def evaluates(self, node: ast.Call, name: str) -> bool:
        """Read `eval`, `exec` or `compile`."""
        in_own_dictionary = len(node.args) > 1 and not self.is_namespace(node.args[1]) and name != "compile"
        match node.args:
            case [ast.Constant(value=str()), *_] if name == "compile" or in_own_dictionary:
                return False
            case [ast.Constant(value=str(text)), *_]:
                self.run_text(text.strip() if name == "eval" else text, node, apart=self.scopes[-1].kind != Kind.MODULE)
                return True
            case _ if in_own_dictionary:
                return False
        self.block_off(node, f"`{name}` of a text that only the running code knows")
        for argument in node.args:
            if not self.is_namespace(argument):
                self.expression(argument)
        return True

    def by_name(self, node: ast.Call, method: str) -> bool:
        """Read a method of `globals()` and the like."""
        match (method, node.args):
            case (
                "get" | "setdefault" | "pop" | "__getitem__" | "__contains__",
                [ast.Constant(value=str(name)), *rest],
            ):
                for argument in rest:
                    self.expression(argument)
                self.read(name, node, optional=bool(rest) or method in {"get", "__contains__"})
                if method == "setdefault":
                    self.bind_name(name, node)
                if method == "pop":
                    self.record.deletes.setdefault(name, self.place(node, f"`{name}` is removed"))
                    self.kill(name)
                return True
            case ("update", []):
                for keyword in node.keywords:
                    self.expression(keyword.value, quiet=True)
                    if keyword.arg is None:
                        self.block_off(node, "names are bound that only the running code knows")
                    else:
                        self.bind_name(keyword.arg, node)
                return True
        return False

    # --- IPython

    def is_shell(self, node: ast.expr) -> bool:
        """Say whether `node` is `get_ipython()`."""
        match node:
            case ast.Call(func=ast.Name(id="get_ipython") as function, args=[], keywords=[]):
                return self.is_builtin(function)
        return False

    def shell(self, node: ast.Call, method: str) -> None:
        """Read a method of `get_ipython()`: what magics and `!` were turned into, or anything else."""
        texts = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
        match (method, texts):
            case ("run_line_magic" | "magic", [str(name), str(line), *_]):
                magic = magics.of_line(name, line)
            case ("magic", [str(line)]):
                name, _, rest = line.lstrip("%").partition(" ")
                magic = magics.of_line(name, rest)
            case ("run_cell_magic", [str(name), str(line), str(body)]):
                magic = magics.of_cell(name, line, body)
            case ("system" | "getoutput" | "system_raw" | "system_piped", [str(command)]):
                magic = magics.of_shell(command)
            case _:
                self.block_off(node, f"`get_ipython().{method}` reaches the whole namespace")
                for argument in node.args:
                    self.expression(argument)
                return
        self.perform(magic, node)

    def perform(self, magic: magics.Magic, node: ast.Call) -> None:
        """Read what a magic does."""
        for expression in magics.expanded(magic.text):
            self.run_expanded(expression, node)
        for argument in node.args:
            if isinstance(argument, ast.Constant) and not magic.code:
                self.expression(argument)
        for used in magic.uses:
            self.read(used, node, quiet=True, optional=True)
        if magic.barrier:
            self.block_off(node, magic.barrier)
        for kind in magic.ambient:
            self.record.ambient.setdefault(kind, self.place(node, "a magic"))
        self.record.reads_files |= dict.fromkeys(magic.reads)
        self.record.writes_files |= dict.fromkeys(magic.writes)
        if magic.code:
            code = f"{magic.setup}\n{magic.code}" if magic.setup else magic.code
            self.run_text(code, node, below=magic.code_line - bool(magic.setup), apart=magic.apart)
        for name in magic.defines:
            self.bind_name(name, node)

    def run_expanded(self, expression: str, node: ast.Call) -> None:
        """Read an expression that IPython puts into a command, if it can: it leaves the text alone otherwise."""
        try:
            tree = ast.parse(expression.strip(), mode="eval")
        except SyntaxError:
            return
        ast.copy_location(tree.body, node)
        for found in ast.walk(tree):
            if isinstance(found, ast.Name):
                self.read(found.id, node, optional=True)
