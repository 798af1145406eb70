// SPDX-License-Identifier: GPL-2.0-only
// Mirrors arch/arm64/mm/context.c, Linux 6.18.
namespace Linux;

// ASIDs are given out until there are none left; then a new generation begins: what CPUs are running keeps its number, everything else gets
// a new one when it runs next, and every CPU drops its whole TLB before it runs anything of the new generation.
//
// A CPU whose active_asids entry is of the current generation switches without lock: it replaces its own entry by compare-and-exchange, which
// fails if a rollover has taken the entry (set it to 0) meanwhile.

internal sealed partial class Arm64Arch
{
    internal uint NUM_USER_ASIDS { get; }

    internal readonly spinlock_t cpu_asid_lock;

    /// <summary>Interlocked; changed under the lock.</summary>
    internal ulong asid_generation = 1UL << Arm64Context.ASID_SHIFT;

    [GuardedBy(nameof(cpu_asid_lock))]
    internal ulong[] asid_map = [];

    [GuardedBy(nameof(cpu_asid_lock))]
    internal uint cur_idx = 1;

    /// <summary>Context that each CPU runs; 0 after a rollover until it has looked again. Interlocked.</summary>
    internal ulong[] active_asids = [];

    /// <summary>What each CPU ran when the generation changed.</summary>
    [GuardedBy(nameof(cpu_asid_lock))]
    internal ulong[] reserved_asids = [];

    /// <summary>CPUs that must drop their TLB before they run anything of this generation.</summary>
    [GuardedBy(nameof(cpu_asid_lock))]
    internal CpuSet tlb_flush_pending;

    /// <summary>The address space whose tables each CPU has loaded. Belongs to whoever runs on the CPU, interrupts off.</summary>
    internal arm64_mm_context?[] loaded_mm = [];
}

internal static class Arm64Context
{
    internal const int ASID_SHIFT = 16;
    internal const ulong ASID_MASK = (1UL << ASID_SHIFT) - 1;

    private static readonly IpiFunction s_leave = Leave;

    [ContextUnsafe("boot: no other CPU runs yet")]
    internal static void asids_init(Arm64Arch arch)
    {
        int cpus = arch.machine.CpuCount;
        arch.asid_map = new ulong[(arch.NUM_USER_ASIDS + 63) / 64];
        arch.active_asids = new ulong[cpus];
        arch.reserved_asids = new ulong[cpus];
        arch.loaded_mm = new arm64_mm_context?[cpus];
    }

    /// <summary>Loads an address space on a CPU; null leaves the lower half empty. Interrupts are off.</summary>
    internal static void switch_mm(Arm64Arch arch, Cpu cpu, arm64_mm_context? next)
    {
        if (next is null)
            cpu_set_reserved_ttbr0(arch, cpu);
        else
            check_and_switch_context(arch, cpu, next);
    }

    /// <summary>Makes every CPU forget an address space that is about to lose its tables. Interrupts on.</summary>
    internal static void leave_everywhere(arm64_mm_context context)
    {
        Arm64Arch arch = context.arch;
        CpuSet targets = default;
        for (int id = 0; id < arch.machine.CpuCount; id++)
        {
            if (Volatile.Read(ref arch.loaded_mm[id]) == context)
                targets.Add(id);
        }

        if (!targets.IsEmpty)
            arch.machine.CallFunction(arch.this_cpu(), targets, s_leave, context);
    }

    private static void Leave(Cpu cpu, object? argument, ulong a, ulong b, ulong c)
    {
        var context = (arm64_mm_context)argument!;
        if (context.arch.loaded_mm[cpu.Id] == context)
            cpu_set_reserved_ttbr0(context.arch, cpu);
    }

    // ASID 0 is never given to a user address space.
    private static void cpu_set_reserved_ttbr0(Arm64Arch arch, Cpu cpu)
    {
        if (arch.loaded_mm[cpu.Id] is null)
            return;
        cpu.LoadAddressSpace(arch.reserved_pg_dir, 0, true);
        Volatile.Write(ref arch.loaded_mm[cpu.Id], null);
    }

    private static void check_and_switch_context(Arm64Arch arch, Cpu cpu, arm64_mm_context mm)
    {
        ulong asid = Volatile.Read(ref mm.id);
        ref ulong active = ref arch.active_asids[cpu.Id];
        ulong old_active_asid = Volatile.Read(ref active);
        if (old_active_asid == 0 || !asid_gen_match(arch, asid) || Interlocked.CompareExchange(ref active, asid, old_active_asid) != old_active_asid)
        {
            spin_lock(arch.cpu_asid_lock);
            asid = mm.id;
            if (!asid_gen_match(arch, asid))
            {
                asid = new_context(arch, mm);
                Volatile.Write(ref mm.id, asid);
            }

            if (arch.tlb_flush_pending.Contains(cpu.Id))
            {
                arch.tlb_flush_pending.Remove(cpu.Id);
                cpu.FlushAll();
            }

            Interlocked.Exchange(ref active, asid);
            spin_unlock(arch.cpu_asid_lock);
        }

        cpu.LoadAddressSpace(mm.mm.pgd, (uint)(asid & ASID_MASK), true);
        Volatile.Write(ref arch.loaded_mm[cpu.Id], mm);
    }

    private static bool asid_gen_match(Arm64Arch arch, ulong asid) => asid != 0 && ((asid ^ Volatile.Read(ref arch.asid_generation)) >> ASID_SHIFT) == 0;

    [MustHold("arch.cpu_asid_lock")]
    private static void flush_context(Arm64Arch arch)
    {
        Array.Clear(arch.asid_map);
        for (int i = 0; i < arch.active_asids.Length; i++)
        {
            ulong asid = Interlocked.Exchange(ref arch.active_asids[i], 0);

            // A CPU that has run through a rollover without switching still runs what it had then.
            if (asid == 0)
                asid = arch.reserved_asids[i];
            __set_bit(arch, asid);
            arch.reserved_asids[i] = asid;
        }

        arch.tlb_flush_pending = arch.machine.AllCpus;
    }

    [MustHold("arch.cpu_asid_lock")]
    private static bool check_update_reserved_asid(Arm64Arch arch, ulong asid, ulong newasid)
    {
        bool hit = false;

        // More than one CPU may have run it: all must agree.
        for (int i = 0; i < arch.reserved_asids.Length; i++)
        {
            if (arch.reserved_asids[i] != asid)
                continue;
            hit = true;
            arch.reserved_asids[i] = newasid;
        }

        return hit;
    }

    [MustHold("arch.cpu_asid_lock")]
    private static ulong new_context(Arm64Arch arch, arm64_mm_context mm)
    {
        ulong asid = mm.id;
        ulong generation = arch.asid_generation;
        if (asid != 0)
        {
            ulong newasid = (asid & ASID_MASK) | generation;
            if (check_update_reserved_asid(arch, asid, newasid))
                return newasid;

            // The number it had is free in this generation: keep it.
            if (!__test_and_set_bit(arch, asid))
                return newasid;
        }

        uint idx = find_next_zero_bit(arch, arch.cur_idx);
        if (idx == arch.NUM_USER_ASIDS)
        {
            generation = Interlocked.Add(ref arch.asid_generation, 1UL << ASID_SHIFT);
            flush_context(arch);

            // Fewer CPUs than ASIDs: one is free.
            idx = find_next_zero_bit(arch, 1);
            BUG_ON(idx == arch.NUM_USER_ASIDS);
        }

        __set_bit(arch, idx);
        arch.cur_idx = idx;
        return idx | generation;
    }

    [MustHold("arch.cpu_asid_lock")]
    private static uint find_next_zero_bit(Arm64Arch arch, uint from)
    {
        for (uint i = from; i < arch.NUM_USER_ASIDS; i++)
        {
            if ((arch.asid_map[i >> 6] & (1UL << (int)(i & 63))) == 0)
                return i;
        }

        return arch.NUM_USER_ASIDS;
    }

    [MustHold("arch.cpu_asid_lock")]
    private static void __set_bit(Arm64Arch arch, ulong asid)
    {
        ulong idx = asid & ASID_MASK;
        arch.asid_map[idx >> 6] |= 1UL << (int)(idx & 63);
    }

    [MustHold("arch.cpu_asid_lock")]
    private static bool __test_and_set_bit(Arm64Arch arch, ulong asid)
    {
        ulong idx = asid & ASID_MASK;
        bool was = (arch.asid_map[idx >> 6] & (1UL << (int)(idx & 63))) != 0;
        arch.asid_map[idx >> 6] |= 1UL << (int)(idx & 63);
        return was;
    }
}
