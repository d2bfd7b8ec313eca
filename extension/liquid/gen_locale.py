#!/usr/bin/env python3
"""Writes locale.inc: what the template engine knows of languages, from Unicode's CLDR in JSON (the
npm packages cldr-core, cldr-numbers-full and cldr-dates-full). Run it as
`python3 gen_locale.py node_modules > locale.inc`; the output is kept in the tree so that a build
needs neither. Digits are Latin and the calendar is Gregorian everywhere."""

import json
import pathlib
import re
import sys
import unicodedata

LANGUAGES = """en de fr es it pt nl pl ru tr ar hi ja ko zh bg ca cs da el et fi fil he hr hu id lt
    lv ms nb ro sk sl sv uk vi""".split()
REGIONS = """en-AU en-CA en-GB en-IE en-IN en-NZ en-SG en-ZA de-AT de-CH fr-BE fr-CA fr-CH es-419
    es-AR es-BO es-CL es-CO es-CR es-DO es-EC es-GT es-HN es-MX es-NI es-PA es-PE es-PR es-PY es-SV
    es-US es-UY es-VE it-CH nl-BE pt-PT ar-AE ar-EG ar-MA ar-SA zh-Hant zh-Hant-HK""".split()
ALIASES = {"in": "id", "iw": "he", "nn": "nb", "no": "nb", "tl": "fil", "zh-TW": "zh-Hant"}
ALIASES |= {"zh-HK": "zh-Hant-HK", "zh-MO": "zh-Hant-HK"}

# Texts that another one stands for where they are the same.
STANDS_FOR = {
    "MONEY_DECIMAL": "DECIMAL",
    "MONEY_GROUP": "GROUP",
    "MONTHS_ALONE": "MONTHS",
    "MONTHS_ABBREVIATED_ALONE": "MONTHS_ABBREVIATED",
    "DAYS_ALONE": "DAYS",
    "DAYS_ABBREVIATED_ALONE": "DAYS_ABBREVIATED",
}

DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
LENGTHS = ("short", "medium", "long", "full")
RECENT = "2016"
CATEGORIES = ("zero", "one", "two", "few", "many")

# Letters of CLDR's patterns as conversions of strftime.
CONVERSIONS = {
    "y": "%-Y", "yy": "%y",
    "M": "%-m", "MM": "%m", "MMM": "%b", "MMMM": "%B",
    "L": "%-m", "LL": "%m", "LLL": "%Ob", "LLLL": "%OB",
    "d": "%-d", "dd": "%d",
    "E": "%a", "EEE": "%a", "EEEE": "%A", "ccc": "%Oa", "cccc": "%OA",
    "H": "%-H", "HH": "%H", "h": "%-I", "hh": "%I",
    "m": "%-M", "mm": "%M", "a": "%p", "B": "%p",
}  # fmt: skip


class Cldr:
    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.version = self.load("cldr-core/package.json")["version"]
        self.plurals = self.supplemental("plurals")["plurals-type-cardinal"]
        self.parents = self.supplemental("parentLocales")["parentLocales"]["parentLocale"]
        self.currencies = self.supplemental("currencyData")["currencyData"]

    def load(self, path):
        return json.loads((self.root / path).read_text(encoding="utf-8"))

    def supplemental(self, name):
        return self.load(f"cldr-core/supplemental/{name}.json")["supplemental"]

    def numbers(self, locale, file):
        tree = self.load(f"cldr-numbers-full/main/{locale}/{file}.json")
        return tree["main"][locale]["numbers"]

    def calendar(self, locale):
        tree = self.load(f"cldr-dates-full/main/{locale}/ca-gregorian.json")
        return tree["main"][locale]["dates"]["calendars"]["gregorian"]


def tender(cldr):
    """The currencies that are money somewhere, or were not long ago."""
    found = set()
    for region in cldr.currencies["region"].values():
        for entry in region:
            for code, about in entry.items():
                if about.get("_to", RECENT) >= RECENT and about.get("_tender") != "false":
                    found.add(code)
    return sorted(found)


def digits(cldr, code):
    return cldr.currencies["fractions"].get(code, {}).get("_digits", "2")


def strftime(pattern):
    """A pattern of CLDR as a format of the date filter."""
    out = ""
    for match in re.finditer(r"'([^']*)'|(([A-Za-z])\3*)|.", pattern):
        if match[1] is not None:
            out += match[1]
        else:
            out += CONVERSIONS[match[2]] if match[2] else match[0]
    return out


def number_texts(cldr, locale):
    numbers = cldr.numbers(locale, "numbers")
    symbols = numbers["symbols-numberSystem-latn"]
    formats = numbers["currencyFormats-numberSystem-latn"]
    decimal, group = symbols["decimal"], symbols["group"]
    return {
        "DECIMAL": decimal,
        "GROUP": group,
        "MINUS": symbols["minusSign"],
        "MONEY": re.sub(r"[#0][#,.0]*", "#", formats["standard"]),
        "MONEY_DECIMAL": symbols.get("currencyDecimal", decimal),
        "MONEY_GROUP": symbols.get("currencyGroup", group),
    }


def grouping(cldr, locale):
    """How many digits all groups but the last have, and how many must stand before the last."""
    numbers = cldr.numbers(locale, "numbers")
    pattern = numbers["decimalFormats-numberSystem-latn"]["standard"].split(".")[0]
    groups = [len(part) for part in pattern.split(",")[1:]]
    assert groups[-1] == 3
    return groups[0], int(numbers["minimumGroupingDigits"])


def names(calendar, kind, keys):
    out = {}
    for context, suffix in (("format", ""), ("stand-alone", "_ALONE")):
        for width, infix in (("wide", ""), ("abbreviated", "_ABBREVIATED")):
            values = calendar[kind][context][width]
            out[kind.upper() + infix + suffix] = "|".join(values[key] for key in keys)
    return out


def date_texts(cldr, locale):
    calendar = cldr.calendar(locale)
    dates, times = calendar["dateFormats"], calendar["timeFormats"]
    joined = calendar["dateTimeFormats-atTime"]["standard"]
    # A thin space would make every short message with a time one in Unicode.
    time = strftime(times["short"].replace("\u202f", " "))
    periods = calendar["dayPeriods"]["format"]["wide"]
    out = names(calendar, "months", [str(month) for month in range(1, 13)])
    out |= names(calendar, "days", DAYS)
    out["AM_PM"] = periods["am"] + "|" + periods["pm"]
    out["TIME"] = time
    for length in LENGTHS:
        date = strftime(dates[length])
        # Quoted, the two places come through as they are.
        pattern = re.sub(r"\{[01]\}", r"'\g<0>'", joined[length]).replace("''", "")
        out["DATE_" + length.upper()] = date
        out["DATE_TIME_" + length.upper()] = (
            strftime(pattern).replace("{1}", date).replace("{0}", time)
        )
    return out


def symbols(cldr, locale, codes):
    currencies = cldr.numbers(locale, "currencies")["currencies"]
    return {code: currencies.get(code, {}).get("symbol", code) for code in codes}


def range_code(value, text, negate):
    first, _, last = text.partition("..")
    if not last:
        return f"{value} {'!=' if negate else '=='} {first}"
    if first == "0":
        return f"{value} {'>' if negate else '<='} {last}"
    return f"{'!' if negate else ''}in({value}, {first}, {last})"


def relation_code(relation):
    """A relation of a plural rule as C, or whether it holds for all numbers."""
    operand, modulus, sign, ranges = re.match(
        r"([a-z])(?: % (\d+))? (!?=) (\S+)$", relation
    ).groups()
    negate = sign == "!="
    if operand == "e":  # no number is written with an exponent
        return ranges.startswith("0") != negate
    value = f"o->{'i' if operand == 'n' else operand}" + (f" % {modulus}" if modulus else "")
    tests = [range_code(value, part, negate) for part in ranges.split(",")]
    if operand == "n":  # which is an integer exactly when t is 0
        if negate:
            return "(" + " && ".join(["o->t != 0 || " + test for test in tests]) + ")"
        tests = ["o->t == 0 && " + test for test in tests]
        return tests[0] if len(tests) == 1 else "(" + " || ".join(f"({t})" for t in tests) + ")"
    if negate or len(tests) == 1:
        return " && ".join(tests)
    return "(" + " || ".join(tests) + ")"


def rule_code(rule):
    clauses = []
    for clause in rule.split(" or "):
        relations = [relation_code(relation) for relation in clause.split(" and ")]
        if False not in relations:
            clauses.append(" && ".join(code for code in relations if code is not True))
    if len(clauses) == 1:
        return re.sub(r"^\((.*)\)$", r"\1", clauses[0]) if "&&" not in clauses[0] else clauses[0]
    return " || ".join(f"({code})" if "&&" in code else code for code in clauses)


class Plurals:
    """Functions, one for all languages with the same rules."""

    def __init__(self, cldr):
        self.cldr = cldr
        self.names = {}

    def name(self, locale):
        rules = self.cldr.plurals
        language = locale if locale in rules else locale.split("-")[0]
        found = {}
        for category in CATEGORIES:
            rule = rules[language].get("pluralRule-count-" + category)
            if rule is not None:
                found[category] = rule.split("@")[0].strip()
        key = tuple(found.items())
        return self.names.setdefault(key, f"plural_{language.replace('-', '_').lower()}")

    def emit(self):
        for rules, name in self.names.items():
            print(f"\nstatic enum lq_plural\n{name}(const struct lq_operands *o)\n{{")
            if not rules:
                print("    (void) o;")
            for category, rule in rules:
                print(f"    if ({rule_code(rule)})\n        return LQ_PLURAL_{category.upper()};")
            print("    return LQ_PLURAL_OTHER;\n}")


def literal(text):
    out = ""
    for c in text:
        if c in '"\\':
            out += "\\" + c
        elif c != " " and unicodedata.category(c) in ("Zs", "Cf"):
            out += f"\\u{ord(c):04x}"
        else:
            out += c
    return f'"{out}"'


class Rows:
    """The locales, each with what differs from its parent."""

    def __init__(self, cldr):
        self.cldr = cldr
        self.plurals = Plurals(cldr)
        self.codes = tender(cldr)
        self.full = {}
        self.rows = []
        self.aliases = dict(ALIASES)

    def parent(self, locale):
        if locale == "en":
            return None
        above = self.cldr.parents.get(locale) or locale.rpartition("-")[0]
        while above and above not in self.full:
            above = above.rpartition("-")[0]
        return above or ("en" if "-" not in locale else locale.split("-")[0])

    def add(self, locale):
        texts = number_texts(self.cldr, locale) | date_texts(self.cldr, locale)
        money = symbols(self.cldr, locale, self.codes)
        shape = grouping(self.cldr, locale) + (self.plurals.name(locale),)
        parent = self.parent(locale)
        before, money_before, shape_before = self.full.get(parent, ({}, {}, None))
        own = {}
        for key, text in texts.items():
            other = STANDS_FOR.get(key)
            same = texts[other] if other in own else before.get(key)
            if text != same:
                own[key] = text
        differ = [c for c in self.codes if money[c] != money_before.get(c, c)]
        if differ:
            own["SYMBOLS"] = ";".join(code + money[code] for code in differ)
        if not own and shape == shape_before:
            if parent != locale.rpartition("-")[0]:
                self.aliases[locale] = parent
            return
        self.full[locale] = (texts, money, shape)
        self.rows.append((locale, parent, shape, own))

    def emit(self):
        self.plurals.emit()
        print("\nstatic const struct text texts[] = {")
        for locale, _, _, own in self.rows:
            print(f"    /* {locale} */")
            for key, text in own.items():
                print(f"    {{ LQ_TEXT_{key}, {literal(text)} }},")
        print("};\n\nstatic const struct lq_locale locales[] = {")
        at = 0
        order = [row[0] for row in self.rows]
        for locale, parent, (secondary, minimum, plural), own in self.rows:
            above = f"&locales[{order.index(parent)}]" if parent else "NULL"
            numbers = f"{at}, {len(own)}, {secondary}, {minimum}"
            print(f'    {{ "{locale}", {above}, {plural}, {numbers} }},')
            at += len(own)
        print("};\n\nstatic const struct alias aliases[] = {")
        for alias, target in sorted(self.aliases.items()):
            print(f'    {{ "{alias}", &locales[{order.index(target)}] }},')
        print("};\n\n/* Codes of currencies with the number of their decimals. */")
        print("static const char currencies[] =")
        codes = [code + digits(self.cldr, code) for code in self.codes]
        lines = ["".join(codes[i : i + 20]) for i in range(0, len(codes), 20)]
        print("\n".join(f'    "{line}"' for line in lines) + ";")


def main():
    cldr = Cldr(sys.argv[1])
    rows = Rows(cldr)
    for locale in LANGUAGES + REGIONS:
        rows.add(locale)
    print(f"/* Generated by gen_locale.py from CLDR {cldr.version}. */")
    print("/* clang-format off */")
    rows.emit()
    print("/* clang-format on */")
    return 0


if __name__ == "__main__":
    sys.exit(main())
