/*
 * The night bank: customers send each other gold, all night long, and a bell (the timer interrupt) rings now and then.
 * At each bell the last transfer is filed in a ring of receipts. Every morning the books are audited: whatever was
 * moved about, the bank must hold as much gold as before.
 *
 * There is a bug in it. It strikes once, and the audit finds out some ten million instructions later. Find it by
 * going back: run to panic(), watch `gold`, and continue in reverse.
 */
#include "board.h"

#define CUSTOMERS 4
#define RECEIPTS 8
#define NIGHTS 3
#define BELLS_A_NIGHT 4
#define BELL_TICKS 150000 /* 15 ms: 3,000,000 instructions */
#define VAULT 1000
#define PURSE 100

static const char *const names[CUSTOMERS] = {"Ada", "Dennis", "Grace", "Ken"};

static volatile unsigned long bells;
static long purses[CUSTOMERS];
static long last_amount;
static long transfers;
static unsigned long receipts[RECEIPTS];
static long gold; /* in the vault; nobody touches it */
static unsigned long next_receipt;
static unsigned long dice = 2026;

static unsigned long roll(unsigned long sides)
{
    dice = dice * 6364136223846793005ul + 1442695040888963407ul;
    return (dice >> 33) % sides;
}

static void file_receipt(unsigned long amount)
{
    receipts[next_receipt] = amount;
    next_receipt++;
    if (next_receipt > RECEIPTS)
        next_receipt = 0;
}

/* The bell: a timer interrupt, in the middle of whatever main() does. */
__attribute__((interrupt("machine"), aligned(4))) void on_bell(void)
{
    bells++;
    file_receipt(last_amount);
    ring_after(BELL_TICKS);
}

static void transfer(void)
{
    unsigned long from = roll(CUSTOMERS);
    unsigned long to = roll(CUSTOMERS);
    long amount = 1 + roll(20);

    if (purses[from] < amount)
        return;
    purses[from] -= amount;
    purses[to] += amount;
    last_amount = amount;
    transfers++;
}

static void panic(long expected, long found)
{
    print("audit FAILED: %d gold expected, %d found\n", expected, found);
    power_off(1);
}

static void audit(long night)
{
    long found = gold;

    for (int i = 0; i < CUSTOMERS; i++) {
        found += purses[i];
        print("  %s %d", names[i], purses[i]);
    }
    print("  vault %d\n", gold);
    if (found != VAULT + CUSTOMERS * PURSE)
        panic(VAULT + CUSTOMERS * PURSE, found);
    print("night %d: %d transfers, the books balance\n", night, transfers);
}

int main(void)
{
    gold = VAULT;
    for (int i = 0; i < CUSTOMERS; i++)
        purses[i] = PURSE;
    print("the night bank opens: %d gold in the vault\n", gold);

    start_bells(on_bell, BELL_TICKS);
    for (long night = 1; night <= NIGHTS; night++) {
        while (bells < (unsigned long)night * BELLS_A_NIGHT)
            transfer();
        audit(night);
    }
    print("the night bank closes, all gold accounted for\n");
    power_off(0);
}
