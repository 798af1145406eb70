// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
//
// A guest in C. Build (the Makefile next to this file does the same):
//
//   gcc -std=gnu11 -O2 -ffreestanding -nostdlib -static -mno-sse -mgeneral-regs-only -mno-red-zone -fno-pic -fno-stack-protector
//       -fno-asynchronous-unwind-tables -fcf-protection=none -Wall -Wextra -Werror -Wl,-T,guest.ld -Wl,--build-id=none -Wl,-z,noexecstack
//       -Wl,-z,max-page-size=4096 -s -o sieve.elf sieve.c
//
// It follows the boot protocol of KvmSharp.Vmm.GuestProgram: RDI is the boot information, RSI the number of the vCPU. It makes page tables of its own,
// with a window whose pages appear only when #PF asks for them, runs a sieve, checksums, a ring-3 function behind a TSS, and reports on the serial port.

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;

struct boot_info {
    u64 magic;
    u32 version, vcpus;
    u64 memory, touch_base, touch_bytes, stride, device;
    u64 reserved;
    volatile u64 arrived, done, pages, errors, exceptions, verdict;
};

struct frame {
    u64 rip, cs, flags, rsp, ss;
};

#define PAGE 4096ul
#define WINDOW 0x0000550000000000ul
#define WINDOW_TABLES 64
#define LIMIT 200000
#define MAX_VCPUS 32
#define PRESENT 1ul
#define WRITABLE 2ul
#define USER 4ul
#define LARGE 0x80ul
#define NO_EXECUTE (1ul << 63)

static u8 stacks[MAX_VCPUS][8192] __attribute__((aligned(16), used));
static u8 kernel_stacks[MAX_VCPUS][4096] __attribute__((aligned(16)));
static u8 breakpoint_stacks[MAX_VCPUS][4096] __attribute__((aligned(16)));
static u8 user_stack[4096] __attribute__((aligned(4096)));
static u8 composite[LIMIT];

static u64 pml4[512] __attribute__((aligned(4096)));
static u64 low_pdpt[512] __attribute__((aligned(4096)));
static u64 low_pd[4][512] __attribute__((aligned(4096)));
static u64 window_pdpt[512] __attribute__((aligned(4096)));
static u64 window_pd[512] __attribute__((aligned(4096)));
static u64 window_pt[WINDOW_TABLES][512] __attribute__((aligned(4096)));

static u64 gdt[5 + 2 * MAX_VCPUS];
static struct { u64 low, high; } idt[256];
static struct tss { u32 reserved; u64 rsp[3], reserved2, ist[7]; u64 reserved3; u16 reserved4, map; } __attribute__((packed)) tss[MAX_VCPUS];

static struct boot_info *info;
static volatile u32 ready, print_lock, map_lock;
static u64 next_page;
static volatile u64 demand_faults, breakpoints, on_ist;
static volatile u64 user_result __attribute__((used));
static u64 resume_rsp __attribute__((used));

static inline void outb(u16 port, u8 value) { __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }
static inline void pause(void) { __asm__ volatile("pause" ::: "memory"); }

static void lock(volatile u32 *l)
{
    while (__sync_lock_test_and_set(l, 1))
        while (*l)
            pause();
}

static void unlock(volatile u32 *l) { __sync_lock_release(l); }

void *memset(void *to, int value, u64 size)
{
    void *at = to;
    __asm__ volatile("rep stosb" : "+D"(at), "+c"(size) : "a"(value) : "memory");
    return to;
}

static void put(char c) { outb(0x3f8, (u8)c); }

static void put_number(u64 value, u32 radix, int width)
{
    char digits[24];
    int n = 0;
    do {
        u32 digit = (u32)(value % radix);
        digits[n++] = (char)(digit < 10 ? '0' + digit : 'a' + digit - 10);
        value /= radix;
    } while (value);
    while (n < width)
        digits[n++] = '0';
    while (n)
        put(digits[--n]);
}

// %s, %d (signed), %u, %x and %08x-style widths, all 64 bits wide.
static void print(const char *format, ...)
{
    __builtin_va_list list;
    __builtin_va_start(list, format);
    lock(&print_lock);
    for (; *format; format++) {
        if (*format != '%') {
            put(*format);
            continue;
        }
        int width = 0;
        for (format++; *format >= '0' && *format <= '9'; format++)
            width = width * 10 + (*format - '0');
        if (*format == 's') {
            for (const char *s = __builtin_va_arg(list, const char *); *s; s++)
                put(*s);
        } else if (*format == 'd') {
            long value = __builtin_va_arg(list, long);
            if (value < 0)
                put('-');
            put_number(value < 0 ? -(u64)value : (u64)value, 10, width);
        } else {
            put_number(__builtin_va_arg(list, u64), *format == 'x' ? 16 : 10, width);
        }
    }
    unlock(&print_lock);
    __builtin_va_end(list);
}

static __attribute__((noreturn)) void halt(void)
{
    for (;;)
        __asm__ volatile("cli; hlt");
}

static __attribute__((noreturn)) void fail(const char *why, u64 value)
{
    print("FAILED: %s (%x)\n", why, value);
    info->verdict = 2;
    halt();
}

__attribute__((interrupt)) static void on_unexpected(struct frame *frame) { fail("unexpected exception at", frame->rip); }

__attribute__((interrupt)) static void on_unexpected_code(struct frame *frame, u64 code)
{
    (void)code;
    fail("unexpected exception with error code at", frame->rip);
}

__attribute__((interrupt)) static void on_breakpoint(struct frame *frame)
{
    u64 here = (u64)&frame;
    (void)frame;
    __sync_fetch_and_add(&breakpoints, 1);
    if (here >= (u64)breakpoint_stacks && here < (u64)breakpoint_stacks + sizeof(breakpoint_stacks))
        __sync_fetch_and_add(&on_ist, 1);
    __sync_fetch_and_add(&info->exceptions, 1);
}

// The window's pages are made when they are asked for.
__attribute__((interrupt)) static void on_page_fault(struct frame *frame, u64 code)
{
    u64 address;
    __asm__ volatile("mov %%cr2, %0" : "=r"(address));
    if (address < WINDOW || address >= WINDOW + WINDOW_TABLES * 512 * PAGE || (code & ~2ul))
        fail("page fault at", frame->rip);
    lock(&map_lock);
    u64 *entry = &window_pt[(address >> 21) & 511][(address >> 12) & 511];
    if (!*entry) {
        if (next_page + PAGE > info->touch_base + info->touch_bytes)
            fail("out of pages", address);
        *(volatile u64 *)entry = next_page | NO_EXECUTE | WRITABLE | PRESENT;
        next_page += PAGE;
        demand_faults++;
    }
    unlock(&map_lock);
    __asm__ volatile("invlpg (%0)" : : "r"(address) : "memory");
    __sync_fetch_and_add(&info->exceptions, 1);
}

// INT 0x80 from ring 3 ends the user function: back to where enter_user() was called.
__asm__(
    ".globl user_exit\n"
    "user_exit:\n"
    "  mov %rax, user_result(%rip)\n"
    "  mov resume_rsp(%rip), %rsp\n"
    "  pop %r15\n  pop %r14\n  pop %r13\n  pop %r12\n  pop %rbp\n  pop %rbx\n"
    "  mov $0x10, %ecx\n"
    "  mov %ecx, %ds\n"
    "  mov %ecx, %es\n"
    "  ret\n");
void user_exit(void);

__attribute__((noinline, naked)) static void enter_user(void *function, void *stack)
{
    (void)function;
    (void)stack;
    __asm__ volatile(
        "push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n"
        "mov %rsp, resume_rsp(%rip)\n"
        "pushq $0x1b\n"
        "pushq %rsi\n"
        "pushq $0x2\n"
        "pushq $0x23\n"
        "pushq %rdi\n"
        "iretq\n");
}

static __attribute__((noreturn, section(".text.user"), aligned(4096))) void user_main(void)
{
    u64 a = 0, b = 1;
    for (int i = 0; i < 90; i++) {
        u64 next = a + b;
        a = b;
        b = next;
    }
    u16 cs;
    __asm__ volatile("mov %%cs, %0" : "=r"(cs));
    __asm__ volatile("int $0x80" : : "a"(a + (cs & 3)));
    __builtin_unreachable();
}

static void gate(int vector, const void *handler, int ist, int dpl)
{
    u64 at = (u64)handler;
    idt[vector].low = (at & 0xffff) | 0x8ul << 16 | (u64)ist << 32 | 0x8eul << 40 | (u64)dpl << 45 | (at >> 16 & 0xffff) << 48;
    idt[vector].high = at >> 32;
}

static void build_tables(void)
{
    pml4[0] = (u64)low_pdpt | USER | WRITABLE | PRESENT;
    for (u64 i = 0; i < 4; i++) {
        low_pdpt[i] = (u64)low_pd[i] | USER | WRITABLE | PRESENT;
        for (u64 j = 0; j < 512; j++)
            low_pd[i][j] = (i * 512 + j) << 21 | LARGE | WRITABLE | PRESENT;
    }
    // Ring 3 may use the image, which ends below 2 MiB; the supervisor bits of everything else stay.
    low_pd[0][0] |= USER;
    pml4[WINDOW >> 39 & 511] = (u64)window_pdpt | WRITABLE | PRESENT;
    window_pdpt[WINDOW >> 30 & 511] = (u64)window_pd | WRITABLE | PRESENT;
    for (int i = 0; i < WINDOW_TABLES; i++)
        window_pd[i] = (u64)window_pt[i] | WRITABLE | PRESENT;

    gdt[1] = 0x00af9b000000ffff;
    gdt[2] = 0x00cf93000000ffff;
    gdt[3] = 0x00cff3000000ffff;
    gdt[4] = 0x00affb000000ffff;
    for (int i = 0; i < MAX_VCPUS; i++) {
        u64 at = (u64)&tss[i];
        tss[i].rsp[0] = (u64)(kernel_stacks[i] + sizeof(kernel_stacks[i]));
        tss[i].ist[0] = (u64)(breakpoint_stacks[i] + sizeof(breakpoint_stacks[i]));
        tss[i].map = sizeof(tss[i]);
        gdt[5 + 2 * i] = (sizeof(tss[i]) - 1) | (at & 0xffffff) << 16 | 0x89ul << 40 | (at >> 24 & 0xff) << 56;
        gdt[6 + 2 * i] = at >> 32;
    }
    for (int i = 0; i < 32; i++) {
        if (i == 8 || (i >= 10 && i <= 14) || i == 17 || i == 21)
            gate(i, (void *)on_unexpected_code, 0, 0);
        else
            gate(i, (void *)on_unexpected, 0, 0);
    }
    gate(3, (void *)on_breakpoint, 1, 0);
    gate(14, (void *)on_page_fault, 0, 0);
    gate(0x80, (void *)user_exit, 0, 3);
}

static void load_tables(u64 cpu)
{
    struct { u16 limit; u64 base; } __attribute__((packed)) table;
    __asm__ volatile("mov %0, %%cr3" : : "r"(pml4) : "memory");
    table.limit = sizeof(gdt) - 1;
    table.base = (u64)gdt;
    __asm__ volatile("lgdt %0" : : "m"(table));
    table.limit = sizeof(idt) - 1;
    table.base = (u64)idt;
    __asm__ volatile("lidt %0" : : "m"(table));
    __asm__ volatile(
        "pushq $8\n lea 1f(%%rip), %%rax\n pushq %%rax\n lretq\n 1:\n mov $16, %%eax\n mov %%eax, %%ss\n mov %%eax, %%ds\n mov %%eax, %%es\n"
        : : : "rax", "memory");
    __asm__ volatile("ltr %w0" : : "r"((5 + 2 * cpu) * 8));
}

static u32 crc32(const u8 *bytes, u64 size)
{
    static u32 table[256];
    if (!table[1]) {
        for (u32 i = 0; i < 256; i++) {
            u32 value = i;
            for (int bit = 0; bit < 8; bit++)
                value = value >> 1 ^ (value & 1 ? 0xedb88320 : 0);
            table[i] = value;
        }
    }
    u32 crc = ~0u;
    while (size--)
        crc = crc >> 8 ^ table[(u8)crc ^ *bytes++];
    return ~crc;
}

static u64 sieve(void)
{
    u64 count = 0;
    memset(composite, 0, sizeof(composite));
    for (u64 i = 2; i < LIMIT; i++) {
        if (composite[i])
            continue;
        count++;
        for (u64 j = i * i; j < LIMIT; j += i)
            composite[j] = 1;
    }
    return count;
}

// Writes a chunk of the window by this vCPU's own pattern and reads it back.
static void touch_window(u64 cpu, u64 pages)
{
    u64 errors = 0;
    for (u64 page = 0; page < pages; page++) {
        volatile u64 *words = (u64 *)(WINDOW + (page * info->vcpus + cpu) * PAGE);
        for (u64 i = 0; i < 512; i += info->stride / 8)
            words[i] = (u64)&words[i] * 0x9e3779b97f4a7c15;
    }
    for (u64 page = 0; page < pages; page++) {
        volatile u64 *words = (u64 *)(WINDOW + (page * info->vcpus + cpu) * PAGE);
        for (u64 i = 0; i < 512; i += info->stride / 8)
            errors += words[i] != (u64)&words[i] * 0x9e3779b97f4a7c15;
    }
    __sync_fetch_and_add(&info->pages, pages);
    __sync_fetch_and_add(&info->errors, errors);
}

static void check_device(u64 cpu)
{
    if (!info->device)
        return;
    volatile u32 *device = (u32 *)info->device;
    u32 value = device[0];
    device[1] = value + (u32)cpu;
    ((volatile u8 *)device)[8] = (u8)cpu;
}

static void check_arithmetic(void)
{
    volatile long minus = -1234567890123;
    volatile u64 big = 0xfedcba9876543210;
    unsigned __int128 square = (unsigned __int128)big * big;
    if (minus / 1000 != -1234567890 || minus % 1000 != -123)
        fail("signed division", (u64)(minus / 1000));
    if ((u64)(square >> 64) != 0xfdbac097c8dc5acc || (u64)square != 0xdeec6cd7a44a4100)
        fail("wide product", (u64)(square >> 64));
    int ones = 0;
    for (u64 rest = big; rest; rest &= rest - 1)
        ones++;
    if (ones != 32 || __builtin_ctzl(big) != 4 || __builtin_clzl(big) != 0 || __builtin_bswap64(big) != 0x1032547698badcfe)
        fail("bits", big);
}

static __attribute__((noreturn, used)) void main(struct boot_info *boot, u64 cpu)
{
    if (cpu == 0) {
        info = boot;
        next_page = boot->touch_base;
        build_tables();
        ready = 1;
    } else {
        while (!ready)
            pause();
    }
    __sync_fetch_and_add(&info->arrived, 1);
    load_tables(cpu);

    u64 pages = info->touch_bytes / PAGE / info->vcpus;
    if (pages > WINDOW_TABLES * 512 / info->vcpus)
        pages = WINDOW_TABLES * 512 / info->vcpus;
    if (cpu == 0) {
        print("C guest: %u vCPUs, %u MiB\n", (u64)info->vcpus, info->memory >> 20);
        check_arithmetic();
        u64 primes = sieve();
        print("sieve: %u primes below %u, crc32 %8x\n", primes, (u64)LIMIT, (u64)crc32(composite, LIMIT));
        print("check: crc32 %8x, minus %d\n", (u64)crc32((const u8 *)"123456789", 9), -42l);
        __asm__ volatile("int3");
        print("breakpoints: %u, on their own stack: %u\n", breakpoints, on_ist);
        enter_user((void *)user_main, user_stack + sizeof(user_stack));
        print("user: fibonacci and ring %u\n", user_result);
    }
    touch_window(cpu, pages);
    check_device(cpu);
    __sync_fetch_and_add(&info->done, 1);
    if (cpu == 0) {
        while (info->done != info->vcpus)
            pause();
        print("window: %u pages, %u demand faults, %u errors\n", info->pages, demand_faults, info->errors);
        info->verdict = info->errors || demand_faults != info->pages ? 2 : 1;
        print("done\n");
    }
    halt();
}

__attribute__((naked, section(".text.start"))) void _start(void)
{
    __asm__ volatile(
        "lea stacks(%rip), %rsp\n"
        "lea 1(%rsi), %rax\n"
        "shl $13, %rax\n"
        "add %rax, %rsp\n"
        "call main\n");
}
