"""What GDB says at each stop of a program of the corpus, as lines of JSON.

Read by gdb-multiarch, which runs the program in QEMU. Breakpoints stand on each address that `break FILE:LINE` finds for a
line of the sources; each stops a few times. A value is told as a tree:
  a number as decimal digits, a floating point number as its bits ("f" and hex digits), {"struct": [[name, tree], ...]},
  {"array": [count, [tree, ...]]} (the first elements), {"target": tree} for a pointer that was optimised away,
  {"gone": why} for what GDB cannot tell, {"error": text} for what it refuses.
"""
import gdb
import json
import os

HITS = int(os.environ["JUDGE_HITS"])
SOURCES = os.environ["JUDGE_SOURCES"].split(":")
OUTPUT = open(os.environ["JUDGE_OUTPUT"], "w")
QEMU = os.environ["JUDGE_QEMU"]
ELEMENTS = 16
STOPS = 20000
DEPTH = 12
# Enough to know the instant by: ra, sp, s0, s1, a0, a1, a4, a5.
REGISTERS = [1, 2, 8, 9, 10, 11, 14, 15]
REFERENCES = (gdb.TYPE_CODE_REF, gdb.TYPE_CODE_RVALUE_REF)

for setting in (
    "pagination off",
    "confirm off",
    "backtrace past-main on",
    "breakpoint always-inserted on",
    "print object off",
    "print frame-info short-location",
    "max-value-size 1048576",
    # Each packet costs two switches of processes: code is read from the file, and data in large parts.
    "trust-readonly-sections on",
    "dcache line-size 1024",
):
    gdb.execute("set " + setting)


def u64(value):
    return value & ((1 << 64) - 1)


def plain(type_):
    return type_.strip_typedefs()


def number(value):
    """All integers, whatever their size; int() knows 64 bits only."""
    type_ = plain(value.type)
    if "<synthetic pointer>" in value.format_string(raw=True):
        return {"error": "synthetic pointer"}
    if type_.sizeof <= 8:
        return str(int(value))
    digits = int(value.format_string(format="z", raw=True), 16)
    signed = type_.code == gdb.TYPE_CODE_INT and type_.is_signed
    if signed and digits >> (8 * type_.sizeof - 1):
        digits -= 1 << (8 * type_.sizeof)
    return str(digits)


def bits(value):
    if "<synthetic pointer>" in value.format_string(raw=True):
        return {"error": "synthetic pointer"}
    return "f" + format(int(value.format_string(format="z", raw=True), 16), "x")


def complex_parts(value):
    gdb.set_convenience_variable("_judged", value)
    parts = [gdb.parse_and_eval("$_creal($_judged)"), gdb.parse_and_eval("$_cimag($_judged)")]
    return {"array": [2, [tree(part, 1) for part in parts]]}


def pointer(value, depth):
    text = value.format_string(raw=True, symbols=False)
    if "<synthetic pointer>" in text:
        if depth > 0 and str(value.type).startswith(("*", "&")):
            # Of Rust. Where the pieces end before the struct does GDB 13 takes the rest for this, and dies of following it.
            return {"error": "synthetic pointer in pieces"}
        if depth > 3:
            return {"target": None}
        return {"target": tree(value.dereference(), depth + 1)}
    return str(u64(int(value)))


def member_pointer(value, type_):
    """GDB makes no number of it."""
    if type_.code == gdb.TYPE_CODE_MEMBERPTR:
        return value.format_string(format="d", raw=True)
    if value.address is None:
        return {"error": "pointer to a method in a register"}
    data = gdb.selected_inferior().read_memory(int(value.address), type_.sizeof)
    return str(int.from_bytes(bytes(data), "little", signed=True))


def is_enumeration(type_):
    """Of Rust, with a number that tells the variant."""
    return any(field.artificial and not field.name and not field.is_base_class for field in type_.fields())


def structure(value, type_, depth):
    members = []
    is_place = value.address is not None
    if not is_place and is_enumeration(type_):
        # GDB 13 tells variants only of what is in memory, and dies of looking at others.
        return {"error": "enumeration in pieces"}
    for field in type_.fields():
        # Static members have no place in the struct.
        if not hasattr(field, "bitpos") and not field.is_base_class:
            continue
        name = field.name or ""
        if plain(field.type).code in REFERENCES and not is_place:
            # Looking at it is fatal to GDB 13.
            members.append([name, {"error": "reference in pieces"}])
        else:
            members.append([name, tree_of(lambda: value[field], depth + 1)])
    return {"struct": members}


def array(value, type_, depth):
    low, high = type_.range()
    # Without a bound GDB takes it for one element.
    count = 0 if type_.sizeof == 0 else max(0, high - low + 1)
    shown = min(count, ELEMENTS)
    return {"array": [count, [tree_of(lambda: value[low + i], depth + 1) for i in range(shown)]]}


def tree_of(get, depth):
    try:
        return tree(get(), depth)
    except gdb.MemoryError as error:
        return {"error": str(error)}
    except (gdb.error, RuntimeError, OverflowError, TypeError, ValueError) as error:
        text = str(error)
        return {"gone": text} if "optimized out" in text else {"error": text}


def tree(value, depth=0):
    type_ = plain(value.type)
    code = type_.code
    if depth > DEPTH:
        return {"error": "too deep"}
    if code in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION):
        return structure(value, type_, depth)
    if code == gdb.TYPE_CODE_ARRAY:
        return array(value, type_, depth)
    if value.is_optimized_out:
        return {"gone": "optimized out"}
    if code == gdb.TYPE_CODE_FLT:
        return bits(value)
    if code == gdb.TYPE_CODE_COMPLEX:
        return complex_parts(value)
    if code in REFERENCES:
        # That of what it refers to.
        return str(u64(int(value.address)))
    if code == gdb.TYPE_CODE_PTR:
        return pointer(value, depth)
    if code == gdb.TYPE_CODE_FUNC:
        return str(u64(int(value.address)))
    if code == gdb.TYPE_CODE_VOID:
        return "void"
    if code in (gdb.TYPE_CODE_METHODPTR, gdb.TYPE_CODE_MEMBERPTR):
        return member_pointer(value, type_)
    return number(value)


def value_of(symbol, frame):
    value = symbol.value(frame)
    # GDB 13 dies of parts of a lazy value that is partly optimised out.
    value.fetch_lazy()
    return value


CONSTANTS = (gdb.SYMBOL_LOC_CONST, gdb.SYMBOL_LOC_CONST_BYTES)


def is_variable(symbol, block):
    """Also one that has become a constant; but enumerators are constants of units, and labels have no value."""
    if str(symbol.type) == "__CORE_ADDR":
        return False
    is_local = not block.is_static and not block.is_global
    return symbol.is_variable or symbol.is_argument or (is_local and symbol.addr_class in CONSTANTS)


def variables(block, frame):
    found = []
    for symbol in block:
        if not is_variable(symbol, block):
            continue
        # Of a value in a register or in memory the size tells how much of it is the variable's.
        size = None if symbol.type is None else plain(symbol.type).sizeof
        found.append([symbol.name, symbol.is_argument, size, tree_of(lambda: value_of(symbol, frame), 0)])
    return found


def blocks(frame):
    found = []
    try:
        block = frame.block()
    except RuntimeError:
        return found
    while block is not None and not block.is_global and not block.is_static:
        of_block = variables(block, frame)
        if of_block:
            found.append({"start": block.start, "end": block.end, "variables": of_block})
        if block.function is not None:
            break
        block = block.superblock
    return found


def frames():
    found = []
    frame = gdb.newest_frame()
    while frame is not None and len(found) < 40:
        sal = frame.find_sal()
        function = frame.function()
        found.append(
            {
                "pc": frame.pc(),
                "name": frame.name(),
                "inline": frame.type() == gdb.INLINE_FRAME,
                "tail": frame.type() == gdb.TAILCALL_FRAME,
                "file": os.path.basename(sal.symtab.filename) if sal.symtab else None,
                "line": sal.line,
                "declared": function.line if function else None,
                "blocks": blocks(frame),
            }
        )
        try:
            frame = frame.older()
        except gdb.error as error:
            found[-1]["error"] = str(error)
            break
    return found


seen_functions = set()


def file_variables():
    """Variables of the unit, once in each function."""
    frame = gdb.newest_frame()
    name = frame.name()
    if name in seen_functions:
        return None
    seen_functions.add(name)
    try:
        block = frame.block()
    except RuntimeError:
        return None
    found = []
    while block is not None:
        if block.is_static or block.is_global:
            found += variables(block, frame)
        block = block.superblock
    return found


def addresses():
    found = {}
    for source in SOURCES:
        with open(source, "rb") as file:
            count = len(file.read().splitlines())
        name = os.path.basename(source)
        for line in range(1, count + 1):
            try:
                sals = gdb.decode_line("%s:%d" % (name, line))[1] or ()
            except gdb.error:
                continue
            for sal in sals:
                if sal.pc:
                    found.setdefault(sal.pc, (name, sal.line))
    return found


def run():
    gdb.execute("target remote | exec " + QEMU, to_string=True)
    gdb.execute("mem 0x80000000 0x88000000 rw cache", to_string=True)
    gdb.execute("set mem inaccessible-by-default off")
    points = {}
    for address in sorted(addresses()):
        points[address] = [gdb.Breakpoint("*0x%x" % address), 0]
    OUTPUT.write(json.dumps({"breakpoints": sorted(points)}) + "\n")
    unsigned = gdb.lookup_type("unsigned long")
    for _ in range(STOPS):
        try:
            gdb.execute("continue", to_string=True)
            frame = gdb.newest_frame()
            pc = frame.pc()
        except gdb.error:
            break
        if pc not in points:
            break
        registers = [[i, str(u64(int(frame.read_register("x%d" % i).cast(unsigned))))] for i in REGISTERS]
        stop = {"pc": pc, "x": registers, "frames": frames()}
        of_file = file_variables()
        if of_file is not None:
            stop["globals"] = of_file
        OUTPUT.write(json.dumps(stop) + "\n")
        points[pc][1] += 1
        if points[pc][1] == HITS:
            points[pc][0].delete()
    OUTPUT.write(json.dumps({"end": True}) + "\n")
    OUTPUT.close()


gdb.execute("set style enabled off")
run()
try:
    gdb.execute("kill", to_string=True)
except gdb.error:
    pass  # QEMU may be gone before it answers.
