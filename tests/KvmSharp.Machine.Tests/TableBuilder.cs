// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

namespace KvmSharp.Machine.Tests;

// Builds tables by hand in simulated RAM, bit by bit and independent of the walkers under test.
internal sealed unsafe class TableBuilder
{
    private readonly PhysicalMemory _memory;
    private readonly ulong _tableBits;
    private ulong _next;

    public TableBuilder(PhysicalMemory memory, ulong firstTable, ulong tableBits)
    {
        _memory = memory;
        _tableBits = tableBits;
        _next = firstTable;
        Root = NewTable();
    }

    public ulong Root { get; }

    // An x86 table: present, writable, user. An arm64 one: valid and table. An EPT: all rights.
    public static TableBuilder X86(PhysicalMemory memory, ulong at = 0x20_0000) => new(memory, at, 7);

    public static TableBuilder Arm(PhysicalMemory memory, ulong at = 0x4020_0000) => new(memory, at, 3);

    public ulong NewTable()
    {
        ulong t = _next;
        _next += 4096;
        new Span<byte>(_memory.HostChecked(t, 4096), 4096).Clear();
        return t;
    }

    // The entry of a level (1 = 4 KiB), with the tables above it made as needed.
    public ulong* Entry(ulong va, int level)
    {
        ulong table = Root;
        for (int l = 4; ; l--)
        {
            ulong index = (va >> (12 + (9 * (l - 1)))) & 511;
            ulong* e = (ulong*)_memory.HostChecked(table + (8 * index), 8);
            if (l == level)
                return e;
            if (*e == 0)
                *e = NewTable() | _tableBits;
            table = *e & 0x0000_ffff_ffff_f000;
        }
    }

    public ulong EntryAddress(ulong va, int level) => _memory.Physical(Entry(va, level));
}
