// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

using static Iced.Intel.AssemblerRegisters;

namespace KvmSharp.Arch.X86.Tests.Guest;

/// <summary>The guest's own page tables.</summary>
[TestFixture]
internal sealed unsafe class PagingTests
{
    private const ulong Pml4 = 0x1000;
    private const ulong Pdpt = 0x2000;
    private const ulong Pd = 0x3000;
    private const ulong Pt = 0x4000;
    private const ulong Gva = 0x0000_1234_5678_9000;
    private const ulong Gpa = 0x7000;

    [TestCase(0xabcUL, 0x7abcUL)]
    [TestCase(0UL, 0x7000UL)]
    public void FourLevelsAreWalked(ulong offset, ulong expected)
    {
        var memory = new Tables();
        memory.Map();
        Assert.That(Walk(memory, Gva + offset, X86Access.Read, out X86Translation t, out _), Is.EqualTo(X86BusResult.Done));
        Assert.That(t.Gpa, Is.EqualTo(expected));
        Assert.That(t.PageShift, Is.EqualTo(12));
    }

    [Test]
    public void LargePagesEndTheWalk()
    {
        var memory = new Tables();
        memory.Map();
        memory[2] = 0x40000000 | 0x83;
        Assert.That(Walk(memory, Gva, X86Access.Read, out X86Translation t, out _), Is.EqualTo(X86BusResult.Done));
        Assert.That(t.Gpa, Is.EqualTo(0x40000000 | (Gva & 0x1fffff)));
        Assert.That(t.PageShift, Is.EqualTo(21));
        memory[3] = 0x80000000 | 0x83;
        Assert.That(Walk(memory, Gva, X86Access.Read, out t, out _), Is.EqualTo(X86BusResult.Done));
        Assert.That(t.Gpa, Is.EqualTo(0x80000000 | (Gva & 0x3fffffff)));
        Assert.That(t.PageShift, Is.EqualTo(30));
    }

    [Test]
    public void AccessedAndDirtyAreSetOnlyWhereTheyBelong()
    {
        var memory = new Tables();
        memory.Map();
        Walk(memory, Gva, X86Access.Read, out X86Translation t, out _);
        Assert.That(t.WritableAndDirty, Is.False);
        for (int level = 1; level <= 4; level++)
            Assert.That(memory[level] & 0x60, Is.EqualTo(X86GuestWalker.Accessed));
        Walk(memory, Gva, X86Access.Write, out t, out _);
        Assert.That(t.WritableAndDirty);
        Assert.That(memory[1] & 0x60, Is.EqualTo(0x60UL));
        Assert.That(memory[2] & 0x60, Is.EqualTo(X86GuestWalker.Accessed));
    }

    [Test]
    public void RefusedAccessLeavesTheEntriesAlone()
    {
        var memory = new Tables();
        memory.Map();
        memory[1] &= ~X86GuestWalker.Writable;
        Assert.That(Walk(memory, Gva, X86Access.Write, out _, out uint error), Is.EqualTo(X86BusResult.PageFault));
        Assert.That(error, Is.EqualTo(3u));
        for (int level = 1; level <= 4; level++)
            Assert.That(memory[level] & 0x60, Is.Zero);
    }

    [Test]
    public void AnEntryThatChangesDuringTheWalkRestartsIt()
    {
        var memory = new Tables();
        memory.Map();
        bool once = false;
        memory.BeforeExchange = at =>
        {
            if (at != Pt + (((Gva >> 12) & 511) * 8) || once)
                return;
            once = true;
            memory[1] = 0x9000 | 7;
        };
        Assert.That(Walk(memory, Gva, X86Access.Write, out X86Translation t, out _), Is.EqualTo(X86BusResult.Done));
        Assert.That(t.Gpa, Is.EqualTo(0x9000UL));
        Assert.That(memory[1], Is.EqualTo(0x9067UL));

        // Taken away instead: the restarted walk faults as not present.
        memory.Map();
        memory.BeforeExchange = _ => memory[1] = 0;
        Assert.That(Walk(memory, Gva, X86Access.Write, out _, out uint error), Is.EqualTo(X86BusResult.PageFault));
        Assert.That(error, Is.EqualTo(2u));
    }

    // Leaf, access, CR4 bits, WP, AC, NXE: the error code, or none.
    [TestCase(0x1UL, X86Access.Read, 0UL, true, false, true, null)]
    [TestCase(0x1UL, X86Access.Write, 0UL, true, false, true, 3u)]
    [TestCase(0x1UL, X86Access.Write, 0UL, false, false, true, null)]
    [TestCase(0x5UL, X86Access.Write | X86Access.User, 0UL, false, false, true, 7u)]
    [TestCase(0x3UL, X86Access.User, 0UL, true, false, true, 5u)]
    [TestCase(0x3UL, X86Access.User | X86Access.Write, 0UL, true, false, true, 7u)]
    [TestCase(0x7UL, X86Access.User | X86Access.Write, 0UL, true, false, true, null)]
    [TestCase(0x0UL, X86Access.Read, 0UL, true, false, true, 0u)]
    [TestCase(0x0UL, X86Access.User | X86Access.Fetch, 0UL, true, false, true, 0x14u)]
    [TestCase(0x0UL, X86Access.Fetch, 0UL, true, false, false, 0u)]
    [TestCase(0x0UL, X86Access.Fetch, X86Control.Cr4Smep, true, false, false, 0x10u)]
    [TestCase(0x8000000000000003UL, X86Access.Fetch, 0UL, true, false, true, 0x11u)]
    [TestCase(0x8000000000000003UL, X86Access.Read, 0UL, true, false, true, null)]
    [TestCase(0x8000000000000003UL, X86Access.Read, 0UL, true, false, false, 9u)]
    [TestCase(0x7UL, X86Access.Fetch, X86Control.Cr4Smep, true, false, true, 0x11u)]
    [TestCase(0x7UL, X86Access.Fetch | X86Access.User, X86Control.Cr4Smep, true, false, true, null)]
    [TestCase(0x7UL, X86Access.Read, X86Control.Cr4Smap, true, false, true, 1u)]
    [TestCase(0x7UL, X86Access.Read, X86Control.Cr4Smap, true, true, true, null)]
    [TestCase(0x7UL, X86Access.Implicit, X86Control.Cr4Smap, true, true, true, 1u)]
    [TestCase(0x3UL, X86Access.Implicit | X86Access.Write, X86Control.Cr4Smap, true, false, true, null)]
    [TestCase(0x0001000000000003UL, X86Access.Write, 0UL, true, false, true, 0xbu)]
    public void PermissionsAndErrorCodes(ulong leaf, X86Access access, ulong cr4, bool wp, bool ac, bool nxe, uint? expected)
    {
        var memory = new Tables();
        memory.Map();
        memory[1] = leaf == 0 ? 0 : Gpa | leaf;
        X86PagingContext context = Context();
        context.Cr4 |= cr4;
        context.Cr0 = X86Control.Cr0Pg | (wp ? X86Control.Cr0Wp : 0);
        context.Ac = ac;
        context.Efer = nxe ? X86Control.EferNxe : 0;
        X86BusResult result = X86GuestWalker.Walk(in context, Gva, access, memory, out _, out uint error);
        Assert.That(result == X86BusResult.PageFault ? error : (uint?)null, Is.EqualTo(expected));
    }

    [TestCase(4, 0x80UL)]
    [TestCase(3, 0x2080UL)]
    [TestCase(2, 0x2080UL)]
    [TestCase(3, 0x20000080UL)]
    [TestCase(2, 0x100080UL)]
    [TestCase(2, 0x0001000000000000UL)]
    public void ReservedBitsAreFaults(int level, ulong bits)
    {
        var memory = new Tables();
        memory.Map();
        memory[level] |= bits;
        Assert.That(Walk(memory, Gva, X86Access.Read, out _, out uint error), Is.EqualTo(X86BusResult.PageFault));
        Assert.That(error, Is.EqualTo(9u));
    }

    [TestCase(4)]
    [TestCase(3)]
    [TestCase(2)]
    public void UpperLevelsRestrictLowerOnes(int level)
    {
        var memory = new Tables();
        memory.Map();
        memory[level] &= ~X86GuestWalker.User;
        Assert.That(Walk(memory, Gva, X86Access.User, out _, out uint error), Is.EqualTo(X86BusResult.PageFault));
        Assert.That(error, Is.EqualTo(5u));
        memory[level] |= X86GuestWalker.User | X86GuestWalker.NoExecute;
        Assert.That(Walk(memory, Gva, X86Access.Fetch, out _, out error), Is.EqualTo(X86BusResult.PageFault));
        Assert.That(error, Is.EqualTo(0x11u));
    }

    [Test]
    public void NonCanonicalAddressIsNoPageFault() =>
        Assert.That(Walk(new Tables(), 0x0000_8000_0000_0000, X86Access.Read, out _, out _), Is.EqualTo(X86BusResult.GeneralProtection));

    [Test]
    public void GuestChangesItsMappingsAndSeesThemAfterInvalidation([Values] bool byInvlpg)
    {
        using var g = new GuestFixture();

        // A page of its own at 1 GiB that moves from one frame to another.
        g.Vm.Word(Pdpt + 8) = 0x7000 | 3;
        g.Vm.Word(0x7000) = 0x8000 | 3;
        g.Vm.Word(0x8000) = 0x100000 | 3;
        g.Vm.Word(0x100000) = 111;
        g.Vm.Word(0x101000) = 222;
        X86ExitKind exit = g.Run(a =>
        {
            a.mov(ebx, 0x40000000);
            a.mov(rax, __qword_ptr[rbx]);
            a.mov(edx, 0x8000);
            a.mov(__qword_ptr[rdx], 0x101003);
            if (byInvlpg)
            {
                a.invlpg(__[rbx]);
            }
            else
            {
                a.mov(rcx, cr3);
                a.mov(cr3, rcx);
            }
            a.mov(rcx, __qword_ptr[rbx]);
            a.hlt();
        });
        Assert.That(exit, Is.EqualTo(X86ExitKind.Halt));
        Assert.That(g.State.Rax, Is.EqualTo(111UL));
        Assert.That(g.State.Rcx, Is.EqualTo(222UL));
    }

    [Test]
    public void WriteAcrossTwoPagesWritesNothingWhenTheSecondIsMissing()
    {
        using var g = new GuestFixture();
        g.Vm.Word(Pd + 8) = 0;
        g.SetGate(14, GuestFixture.CodeAddress + 0x800);
        g.LoadCode(a => a.hlt(), GuestFixture.CodeAddress + 0x800);
        g.Run(a => { a.mov(ebx, 0x1ffffc); a.mov(rax, -1L); a.mov(__qword_ptr[rbx], rax); });
        Assert.That(g.State.Cr2, Is.EqualTo(0x200000UL));
        Assert.That(g.Vm.Word(g.State.Rsp), Is.EqualTo(2UL));
        Assert.That(g.Vm.Word(0x1ffff8), Is.Zero);
    }

    [Test]
    public void ReadModifyWriteFaultsAsAWriteAndKeepsTheFlags()
    {
        using var g = new GuestFixture();
        g.Vm.Word(Pd + 8) &= ~X86GuestWalker.Writable;
        g.SetGate(14, GuestFixture.CodeAddress + 0x800);
        g.LoadCode(a => a.hlt(), GuestFixture.CodeAddress + 0x800);
        g.Run(a => { a.mov(ebx, 0x200000); a.cmp(ebx, ebx); a.sub(__dword_ptr[rbx], 1); });
        Assert.That(g.Vm.Word(g.State.Rsp), Is.EqualTo(3UL));
        Assert.That(g.State.Rflags & X86Flags.Status, Is.EqualTo(X86Flags.Zf | X86Flags.Pf));
    }

    [Test]
    public void SupervisorReachesUserPagesOnlyWithAc()
    {
        using var g = new GuestFixture();
        g.Vm.Word(Pd + 8) |= X86GuestWalker.User;
        g.State.Cr4 |= X86Control.Cr4Smap;
        g.SetGate(14, GuestFixture.CodeAddress + 0x800);
        g.LoadCode(a => a.hlt(), GuestFixture.CodeAddress + 0x800);
        g.Run(a => { a.mov(ebx, 0x200000); a.stac(); a.mov(rax, __[rbx]); a.mov(rax, __[rbx]); a.clac(); a.inc(r8); a.mov(rax, __[rbx]); });
        Assert.That(g.State[8], Is.EqualTo(1UL));
        Assert.That(g.State.Rip, Is.EqualTo(GuestFixture.CodeAddress + 0x801));
        Assert.That(g.Vm.Word(g.State.Rsp), Is.EqualTo(1UL));
    }

    [Test]
    public void GuestWithoutPagingSeesPhysicalMemory()
    {
        using var g = new GuestFixture(paging: false);
        Assert.That(g.Run(a => { a.mov(ebx, (int)GuestFixture.Data); a.mov(__dword_ptr[rbx], 5); a.hlt(); }), Is.EqualTo(X86ExitKind.Halt));
        Assert.That(g.Vm.Word(GuestFixture.Data), Is.EqualTo(5UL));
    }

    [Test]
    public void ShootdownByAnotherThreadTakesEffectBeforeTheNextInstruction()
    {
        using var g = new GuestFixture();
        g.LoadCode(a => { a.mov(rax, __qword_ptr[rbx]); a.hlt(); }, GuestFixture.CodeAddress);
        g.State.Rbx = 0x200000;
        g.Run(1);
        g.Vm.Word(Pd + 8) = 0;
        g.Bus.Poll = () =>
        {
            g.Bus.FlushTlb();
            return X86BusResult.Done;
        };
        g.Bus.Raise(X86Attention.Poll);
        g.State.Rip = GuestFixture.CodeAddress;
        Assert.That(g.Run(), Is.EqualTo(X86ExitKind.Shutdown));
        Assert.That(g.State.Cr2, Is.EqualTo(0x200000UL));
    }

    private static X86PagingContext Context() => new() { Cr0 = X86Control.Cr0Pg | X86Control.Cr0Wp, Cr3 = Pml4, Cr4 = X86Control.Cr4Pae, Efer = X86Control.EferNxe };

    private static X86BusResult Walk(Tables memory, ulong gva, X86Access access, out X86Translation translation, out uint error)
    {
        X86PagingContext context = Context();
        return X86GuestWalker.Walk(in context, gva, access, memory, out translation, out error);
    }

    /// <summary>One path of four entries, by level.</summary>
    private sealed class Tables : IGuestPhysicalMemory
    {
        private readonly Dictionary<ulong, ulong> _entries = [];

        public Action<ulong>? BeforeExchange { get; set; }

        public ulong this[int level]
        {
            get => _entries.GetValueOrDefault(At(level));
            set => _entries[At(level)] = value;
        }

        public void Map()
        {
            this[4] = Pdpt | 7;
            this[3] = Pd | 7;
            this[2] = Pt | 7;
            this[1] = Gpa | 7;
        }

        public X86BusResult ReadEntry(ulong gpa, out ulong entry)
        {
            entry = _entries.GetValueOrDefault(gpa);
            return X86BusResult.Done;
        }

        public X86BusResult CompareExchangeEntry(ulong gpa, ulong expected, ulong value, out bool exchanged)
        {
            BeforeExchange?.Invoke(gpa);
            exchanged = _entries.GetValueOrDefault(gpa) == expected;
            if (exchanged)
                _entries[gpa] = value;
            return X86BusResult.Done;
        }

        private static ulong At(int level) => (level switch { 4 => Pml4, 3 => Pdpt, 2 => Pd, _ => Pt }) + (((Gva >> (12 + (9 * (level - 1)))) & 511) * 8);
    }
}
