"""Writes templates whose meaning is Python's own (expressions, and filters that call the standard library), with what
Python makes of them; null where it raises.

python3 make_table.py SEED COUNT > table.json
"""
import json
import pprint
import random
import sys
import textwrap

random.seed(int(sys.argv[1]))
pick = random.choice

TEXTS = ["", "a", "abc", "Hello, World", "  padded\t\n", "a,b,,c", "naïve", "日本語", "🙂x🙂", "ß", "ΑΣ ΒΣ", "ǆungla", "ﬁn", "x\u2028y\x1cz\x85w",
         "it's", 'say "hi"', "back\\slash", "\x00\x7f\xad", "aaaa", "A-b c_d", "123", "-7", "١٢", "²", "Ⅷ", "一", "İi", "\u200bzero", "tab\there",
         "line\nline\r\nline", "they're bill's", "ŉa", "ǅ", "one two three", "Ünïcödé", "\U0001F468\u200d\U0001F469", "100%", "{}", "xXx"]
INTEGERS = [0, 1, 2, 3, -1, -2, 5, 7, 10, -13, 100, 255, 1000, 123456789, 2**53, -(2**53), 2**64, 10**20]
FLOATS = [0.0, 1.0, -1.5, 2.5, 0.1, 1e16, 1e15, 1e-5, 0.0001, 123456.789, 3.14159265, 1e21, 5e-324, 1.7976931348623157e308, 2.675, 0.5, 1e22, 99.995]


def text(): return repr(pick(TEXTS))
def integer(): return repr(pick(INTEGERS))
def small(): return repr(pick([-9, -3, -2, -1, 0, 1, 2, 3, 4, 7, 12]))
def floating(): return repr(pick(FLOATS))
def number(): return pick([integer, floating])()
def par(x): return f"({x})"


def sequence(depth=2):
    if depth == 0 or random.random() < 0.5:
        return pick([text, number, lambda: "none", lambda: "true"])()
    items = [sequence(depth - 1) for _ in range(random.randint(0, 3))]
    kind = random.random()
    if kind < 0.4: return "[" + ", ".join(items) + "]"
    if kind < 0.7: return "(" + ", ".join(items) + ("," if len(items) == 1 else "") + ")"
    return "{" + ", ".join(f"{pick([text, small, floating])()}: {item}" for item in items) + "}"


def maybe(*parts): return ", ".join(part() if callable(part) else part for part in parts[: random.randint(1, len(parts))])


def method():
    s = text()
    return pick([
        lambda: f"{s}.{pick(['upper', 'lower', 'title', 'capitalize', 'swapcase', 'casefold', 'strip', 'lstrip', 'rstrip', 'split', 'rsplit', 'splitlines'])}()",
        lambda: f"{s}.{pick(['isalpha', 'isdigit', 'isalnum', 'isspace', 'isupper', 'islower', 'istitle', 'isnumeric', 'isdecimal', 'isprintable', 'isascii', 'isidentifier'])}()",
        lambda: f"{s}.{pick(['strip', 'lstrip', 'rstrip'])}({text()})",
        lambda: f"{s}.{pick(['split', 'rsplit'])}({maybe(lambda: pick([text, lambda: 'none', lambda: repr(' ')])(), small)})",
        lambda: f"{s}.{pick(['find', 'rfind', 'index', 'count', 'startswith', 'endswith', 'rindex'])}({maybe(text, small, small)})",
        lambda: f"{s}.replace({text()}, {text()})",
        lambda: f"{s}.replace({text()}, {text()}, {small()})",
        lambda: f"{s}.{pick(['center', 'ljust', 'rjust'])}({maybe(small, lambda: repr(pick(['*', '日', ' '])))})",
        lambda: f"{s}.zfill({small()})",
        lambda: f"{s}.{pick(['partition', 'rpartition', 'removeprefix', 'removesuffix'])}({text()})",
        lambda: f"{s}.splitlines(true)",
        lambda: f"{s}.expandtabs({small()})",
        lambda: f"{s}.join([{text()}, {text()}])",
        lambda: f"{s}[{maybe(small)}:{maybe(small)}]",
        lambda: f"{s}[{pick([small(), ''])}:{pick([small(), ''])}:{pick([small(), ''])}]",
        lambda: f"[1, 2, 3, 4, 5][{pick([small(), ''])}:{pick([small(), ''])}:{pick([small(), ''])}]",
        lambda: f"{s} * {small()}",
        lambda: f"{text()} in {s}",
        lambda: f"{text()} {pick(['<', '<=', '>', '>=', '==', '!='])} {s}",
    ])()


def arithmetic():
    return pick([
        lambda: f"{par(number())} {pick(['+', '-', '*', '/', '//', '%'])} {par(number())}",
        lambda: f"{par(integer())} ** {pick(['0', '1', '2', '3', '(-1)', '0.5', '20'])}",
        lambda: f"{par(number())} {pick(['<', '<=', '>', '>=', '==', '!='])} {par(number())}",
        lambda: f"-{par(number())}",
        lambda: f"{sequence()} == {sequence()}",
        lambda: f"{sequence(1)} in [{sequence(1)}, {sequence(1)}]",
        lambda: f"[{number()}, {number()}] < [{number()}, {number()}]",
    ])()


def specification(kind):
    fill = pick(["", "", "<", ">", "^", "*<", "日^", "0>"])
    sign = pick(["", "", "+", " ", "-"])
    width = pick(["", "1", "5", "12"])
    zero = pick(["", "", "0"])
    if kind == "s": return fill + zero + width + pick(["", ".2", ".0"]) + pick(["", "s"])
    if kind == "i": return fill + sign + pick(["", "", "#"]) + zero + width + pick(["", ",", "_", ""]) + pick(["d", "x", "X", "o", "b", "", "f", "e", "%", ".2f", "c"])
    return fill + sign + zero + width + pick(["", ","]) + pick(["", ".0", ".1", ".3", ".10"]) + pick(["f", "e", "g", "", "%", "E", "G"])


def formatting():
    kind = pick("sif")
    value = {"s": text, "i": integer, "f": floating}[kind]()
    flags = "".join(random.sample("-+ 0#", random.randint(0, 2)))
    width = pick(["", "3", "10"])
    precision = pick(["", ".0", ".2", ".5"])
    letter = pick({"s": "sra", "i": "dixXosfeg", "f": "feEgGdsr"}[kind])
    return pick([
        lambda: f"'<{{:{specification(kind)}}}>'.format({value})",
        lambda: f"'{{0!r:{pick(['', '>10', '.4'])}}}{{1}}'.format({sequence()}, {sequence(1)})",
        lambda: f"'<%{flags}{width}{precision}{letter}>' % ({value},)",
        lambda: f"'%s and %r' % ({sequence()}, {sequence()})",
        lambda: f"'{{a}}{{b[0]}}'.format(a={sequence()}, b=[{text()}])",
    ])()


def printing():
    return sequence(3)


def library():
    """A filter over a value, and what the library makes of it."""
    value, words = sequence(3), pick(["one two-three four", "well-known a--b  x-y-z", "supercalifragilistic-word end", "a" * 30, " lead and  trail ", "e-mail re-read 12-34 --x"])
    data = lambda: eval(value, NAMES)
    width, digits, indent = random.randint(1, 20), random.randint(-3, 5), random.randint(0, 3)
    number_, words_ = number(), repr(words)
    entry = lambda: eval(number_, NAMES)
    long = "[" + ", ".join([value, text(), value, repr("many words in one long text " * 3), text()]) + "]"
    return pick([
        (f"{value} | tojson", lambda: json.dumps(data(), ensure_ascii=False)),
        (f"{value} | tojson(ensure_ascii=true, indent={indent})", lambda: json.dumps(data(), ensure_ascii=True, indent=indent)),
        (f"{value} | tojson(sort_keys=true, separators=(',', ':'))", lambda: json.dumps(data(), ensure_ascii=False, sort_keys=True, separators=(",", ":"))),
        (f"{long} | pprint", lambda: pprint.pformat(eval(long, NAMES))),
        (f"{words_} | wordwrap({width})", lambda: "\n".join(textwrap.wrap(words, width, expand_tabs=False, replace_whitespace=False))),
        (f"{words_} | wordwrap({width}, break_long_words=false, break_on_hyphens=false)",
         lambda: "\n".join(textwrap.wrap(words, width, expand_tabs=False, replace_whitespace=False, break_long_words=False, break_on_hyphens=False))),
        (f"{number_} | round({digits})", lambda: str(round(entry(), digits))),
    ])


NAMES = {"none": None, "true": True, "false": False}
rows = []
while len(rows) < int(sys.argv[2]):
    expression = pick([method, method, formatting, arithmetic, printing, library])()
    try:
        if isinstance(expression, tuple):
            template, compute = expression
            template, value = f"{{{{ {template} }}}}", None
            expected = compute()
        else:
            template = f"{{{{ [{expression}] }}}}"
            value = eval(expression, NAMES)
            expected = repr([value])
    except Exception as error:  # what Python refuses is to be refused
        expected = None
        if isinstance(error, SyntaxError): continue
    if expected is not None and isinstance(value, complex): continue
    if expected is not None and len(expected) > 400: continue
    rows.append([template, expected])
json.dump(rows, sys.stdout, ensure_ascii=True, separators=(",", ":"))
