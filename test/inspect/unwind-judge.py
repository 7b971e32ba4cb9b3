"""What GDB says of the call stack at each moment that a stub shows, as lines of JSON.

GDB does not look behind a trap: at the frame of `trap_vector` the stub is asked to show the registers that the kernel has
saved there, and the walk goes on from these. Likewise for processes that wait for their turn.
"""
import gdb
import json
import os

OUTPUT = open(os.environ["JUDGE_OUTPUT"], "w")
DEPTH = 60
TRAPS = 4
# Of kernel.c.
PROCESSES = 3
READY = 1

for setting in ("pagination off", "confirm off", "backtrace past-main on", "trust-readonly-sections off"):
    gdb.execute("set " + setting)


def u64(value):
    return value & ((1 << 64) - 1)


ECALL = b"\x73\x00\x00\x00"
CAUSE = 8 * 34


def memory(address, size):
    return bytes(gdb.selected_inferior().read_memory(address, size))


def behind_call(place):
    """The kernel moves behind an environment call before it serves it; whose line is asked for is the call."""
    cause = int.from_bytes(memory(place + CAUSE, 8), "little")
    pc = gdb.newest_frame().pc()
    return cause == 8 and memory(pc - 4, 4) == ECALL


def frames(is_behind_call=False):
    """Frames up to trap_vector's; and the place of what it has saved, unless it is just at that."""
    found = []
    frame = gdb.newest_frame()
    unsigned = gdb.lookup_type("unsigned long")
    while frame is not None and len(found) < DEPTH:
        sal = gdb.find_pc_line(frame.pc() - 4) if is_behind_call and not found else frame.find_sal()
        file = os.path.basename(sal.symtab.filename) if sal.symtab else None
        inline = frame.type() == gdb.INLINE_FRAME
        found.append([str(frame.pc()), frame.name(), inline, file, sal.line])
        if frame.name() == "trap_vector":
            place = u64(int(frame.read_register("sp").cast(unsigned)))
            return found, place if len(found) > 1 else None
        try:
            frame = frame.older()
        except gdb.error:
            break
    return found, None


def show(command, place):
    gdb.execute("monitor %s %d" % (command, place), to_string=True)
    gdb.execute("maintenance flush register-cache", to_string=True)
    gdb.execute("maintenance flush dcache", to_string=True)


def moment():
    parts = []
    is_behind_call = False
    for _ in range(TRAPS):
        found, place = frames(is_behind_call)
        parts.append(found)
        if place is None:
            break
        show("saved", place)
        is_behind_call = behind_call(place)
    threads = {}
    for index in range(PROCESSES):
        process = gdb.parse_and_eval("processes[%d]" % index)
        if int(process["state"]) == READY:
            show("context", int(process["context"].address))
            threads[index] = frames()[0]
    OUTPUT.write(json.dumps({"parts": parts, "threads": threads}) + "\n")


gdb.execute("add-symbol-file " + os.environ["JUDGE_USER"], to_string=True)
gdb.execute("target remote 127.0.0.1:" + os.environ["JUDGE_PORT"], to_string=True)
while True:
    try:
        gdb.execute("continue", to_string=True)
        gdb.newest_frame()
    except gdb.error:
        break
    moment()
OUTPUT.close()
