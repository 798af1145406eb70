// SPDX-License-Identifier: GPL-2.0-only
// Mirrors arch/x86/mm/tlb.c, Linux 6.18.
using System.Numerics;
using System.Runtime.CompilerServices;

namespace Linux;

// Every CPU keeps the translations of up to TLB_NR_DYN_ASIDS address spaces. An address space has a generation, bumped by each flush; a slot has the
// generation it is up to date with. A flush interrupts the CPUs in the mask of the address space; a CPU that has it only in another slot finds the
// difference when it loads it the next time.
//
//   changed entries -> bump tlb_gen -> read cpu mask          flush_tlb_mm_range()
//   set bit in cpu mask -> read tlb_gen -> use entries        switch_mm_irqs_off()
//
// Both sides are full barriers, so one of them sees the other.

/// <summary>One slot: which address space, and up to which flush its translations are good.</summary>
internal struct tlb_context
{
    internal long ctx_id;
    internal long tlb_gen;
}

[InlineArray(X86Tlb.TLB_NR_DYN_ASIDS)]
internal struct tlb_contexts
{
    private tlb_context _first;
}

/// <summary>State of one CPU. Belongs to whoever runs on the CPU, interrupts off.</summary>
internal sealed class tlb_state
{
    /// <summary>The address space whose tables are loaded; null for the kernel's own.</summary>
    internal mm_context_t? loaded_mm;
    internal ushort loaded_mm_asid;
    internal ushort next_asid = 1;

    /// <summary>All slots but the loaded one have missed a flush of kernel translations.</summary>
    internal bool invalidate_other;

    /// <summary>A kernel task runs with the tables of the last user: it does not use them.</summary>
    internal bool is_lazy;
    internal tlb_contexts ctxs;
}

internal readonly record struct new_asid(ushort asid, bool need_flush);

internal sealed unsafe partial class X86Arch
{
    /// <summary>Flushes of more pages drop everything.</summary>
    internal ulong tlb_single_page_flush_ceiling = 33;

    internal long last_mm_ctx_id = 1;

    internal tlb_state[] cpu_tlbstate = [];
}

internal static class X86Tlb
{
    internal const int TLB_NR_DYN_ASIDS = 6;
    internal const ulong TLB_FLUSH_ALL = ulong.MaxValue;

    private static readonly IpiFunction s_flush_tlb_func = flush_tlb_func;
    private static readonly IpiFunction s_do_flush_tlb_all = do_flush_tlb_all;
    private static readonly IpiFunction s_do_kernel_range_flush = do_kernel_range_flush;
    private static readonly IpiFunction s_do_shoot_lazy_tlb = do_shoot_lazy_tlb;

    /// <summary>Drops every translation on every CPU, those of all address spaces and global ones. Interrupts on.</summary>
    internal static void flush_tlb_all(X86Arch arch)
    {
        Cpu cpu = arch.this_cpu();
        if (arch.use_invlpgb)
        {
            arch.machine.BroadcastInvalidate(cpu, ShootdownKind.All);
            return;
        }

        BUG_ON(irqs_disabled());
        cpu.Count(HwEvent.TlbShootdownAll);
        arch.machine.CallFunction(cpu, arch.machine.AllCpus, s_do_flush_tlb_all);
    }

    /// <summary>
    /// Drops translations of kernel addresses on every CPU. Page by page that is global translations and those of the address space that each
    /// CPU has loaded: not enough for addresses that differ between address spaces.
    /// </summary>
    internal static void flush_tlb_kernel_range(X86Arch arch, ulong start, ulong end)
    {
        current.kernel.Tracepoints.KernelTlbFlush.Trace(start, end);
        if (end == TLB_FLUSH_ALL || end - start > arch.tlb_single_page_flush_ceiling << PAGE_SHIFT)
        {
            flush_tlb_all(arch);
            return;
        }

        Cpu cpu = arch.this_cpu();
        if (arch.use_invlpgb)
        {
            arch.machine.BroadcastInvalidate(cpu, ShootdownKind.RangeAllSpaces, start, end - start);
            return;
        }

        BUG_ON(irqs_disabled());
        cpu.Count(HwEvent.TlbShootdownRange);
        arch.machine.CallFunction(cpu, arch.machine.AllCpus, s_do_kernel_range_flush, null, start, end - start);
    }

    /// <summary>Everything, on this CPU only. Any context.</summary>
    internal static void __flush_tlb_all(X86Arch arch) => arch.this_cpu().FlushAll();

    /// <summary>Drops translations of an address space on every CPU that may use it.</summary>
    internal static void flush_tlb_mm_range(X86Arch arch, mm_struct mm, ulong start, ulong end, int stride_shift, bool freed_tables)
    {
        mm_context_t context = (mm_context_t)mm.context!;
        if (end == TLB_FLUSH_ALL || (end - start) >> stride_shift > arch.tlb_single_page_flush_ceiling)
        {
            start = 0;
            end = TLB_FLUSH_ALL;
        }

        int this_cpu = get_cpu();
        long new_tlb_gen = Interlocked.Increment(ref context.tlb_gen);
        ulong mask = Volatile.Read(ref context.cpu_bitmap);
        ulong info = ((ulong)new_tlb_gen << 8) | (freed_tables ? 0x80u : 0) | (uint)stride_shift;
        Cpu cpu = arch.machine.Cpus[this_cpu];
        if ((mask & ~(1UL << this_cpu)) != 0)
        {
            cpu.Count(end == TLB_FLUSH_ALL ? HwEvent.TlbShootdownAll : HwEvent.TlbShootdownRange);
            CpuSet targets = default;
            for (ulong left = mask; left != 0; left &= left - 1)
            {
                int id = BitOperations.TrailingZeroCount(left);

                // A lazy CPU uses no user translation and looks at the generation before it does; but it may walk tables that are freed now.
                if (freed_tables || id == this_cpu || !Volatile.Read(ref arch.cpu_tlbstate[id].is_lazy))
                    targets.Add(id);
            }

            arch.machine.CallFunction(cpu, targets, s_flush_tlb_func, context, start, end, info);
        }
        else if (arch.cpu_tlbstate[this_cpu].loaded_mm == context)
        {
            local_irq_disable();
            flush_tlb_func(cpu, context, start, end, info);
            local_irq_enable();
        }

        put_cpu();
    }

    /// <summary>Loads an address space on a CPU; null is the kernel's own.</summary>
    internal static void switch_mm_irqs_off(X86Arch arch, Cpu cpu, mm_context_t? next)
    {
        tlb_state state = arch.cpu_tlbstate[cpu.Id];
        mm_context_t? prev = state.loaded_mm;
        bool was_lazy = state.is_lazy;
        ulong bit = 1UL << cpu.Id;
        state.is_lazy = false;

        if (next is null)
        {
            if (prev is not null)
                leave_mm(arch, cpu, state);
            return;
        }

        new_asid ns;
        if (prev == next)
        {
            if ((Volatile.Read(ref next.cpu_bitmap) & bit) == 0)
                Interlocked.Or(ref next.cpu_bitmap, bit);
            if (!was_lazy)
                return;

            // Flushes may have passed by while the CPU was lazy.
            Interlocked.MemoryBarrier();
            long gen = Volatile.Read(ref next.tlb_gen);
            if (state.ctxs[state.loaded_mm_asid].tlb_gen == gen)
                return;
            ns = new new_asid(state.loaded_mm_asid, true);
            state.ctxs[ns.asid].tlb_gen = gen;
        }
        else
        {
            if (prev is not null)
                Interlocked.And(ref prev.cpu_bitmap, ~bit);

            // Full barrier: pairs with flush_tlb_mm_range(), see above.
            Interlocked.Or(ref next.cpu_bitmap, bit);
            long next_tlb_gen = Volatile.Read(ref next.tlb_gen);
            ns = choose_new_asid(arch, cpu, state, next, next_tlb_gen);
            if (ns.need_flush)
            {
                state.ctxs[ns.asid].ctx_id = next.ctx_id;
                state.ctxs[ns.asid].tlb_gen = next_tlb_gen;
            }
        }

        cpu.LoadAddressSpace(next.mm.pgd, kern_pcid(arch, ns.asid), !ns.need_flush);
        state.loaded_mm = next;
        state.loaded_mm_asid = ns.asid;
    }

    /// <summary>A kernel task runs next: the tables stay, but flushes of user translations need not reach this CPU.</summary>
    internal static void enter_lazy_tlb(X86Arch arch, Cpu cpu)
    {
        tlb_state state = arch.cpu_tlbstate[cpu.Id];
        if (state.loaded_mm is not null)
            Volatile.Write(ref state.is_lazy, true);
    }

    /// <summary>Makes every CPU forget an address space that is about to lose its tables. Interrupts on.</summary>
    internal static void cleanup_lazy_tlbs(X86Arch arch, mm_context_t context)
    {
        CpuSet targets = default;
        for (int id = 0; id < arch.machine.CpuCount; id++)
        {
            if (Volatile.Read(ref arch.cpu_tlbstate[id].loaded_mm) == context)
                targets.Add(id);
        }

        if (!targets.IsEmpty)
            arch.machine.CallFunction(arch.this_cpu(), targets, s_do_shoot_lazy_tlb, context);
    }

    private static void do_shoot_lazy_tlb(Cpu cpu, object? argument, ulong a, ulong b, ulong c)
    {
        mm_context_t context = (mm_context_t)argument!;
        tlb_state state = context.arch.cpu_tlbstate[cpu.Id];
        if (state.loaded_mm == context)
            leave_mm(context.arch, cpu, state);
    }

    private static void leave_mm(X86Arch arch, Cpu cpu, tlb_state state)
    {
        Interlocked.And(ref state.loaded_mm!.cpu_bitmap, ~(1UL << cpu.Id));
        state.loaded_mm = null;
        state.loaded_mm_asid = 0;
        state.is_lazy = false;

        // The kernel's own tables have the identifier that no slot uses.
        cpu.LoadAddressSpace(arch.swapper_pg_dir, 0, true);
    }

    // Identifier 0 is never given to a user address space.
    private static uint kern_pcid(X86Arch arch, ushort asid) => arch.has_pcid ? asid + 1u : 0;

    private static void clear_asid_other(tlb_state state)
    {
        for (ushort asid = 0; asid < TLB_NR_DYN_ASIDS; asid++)
        {
            if (asid != state.loaded_mm_asid)
                state.ctxs[asid].ctx_id = 0;
        }

        state.invalidate_other = false;
    }

    private static new_asid choose_new_asid(X86Arch arch, Cpu cpu, tlb_state state, mm_context_t next, long next_tlb_gen)
    {
        _ = cpu;
        if (!arch.has_pcid)
            return new new_asid(0, true);
        if (state.invalidate_other)
            clear_asid_other(state);
        for (ushort asid = 0; asid < TLB_NR_DYN_ASIDS; asid++)
        {
            if (state.ctxs[asid].ctx_id == next.ctx_id)
                return new new_asid(asid, state.ctxs[asid].tlb_gen < next_tlb_gen);
        }

        ushort free = (ushort)(state.next_asid++ - 1);
        if (free >= TLB_NR_DYN_ASIDS)
        {
            free = 0;
            state.next_asid = 2;
        }

        return new new_asid(free, true);
    }

    /// <summary>The flush of one address space on one CPU. Interrupts are off.</summary>
    private static void flush_tlb_func(Cpu cpu, object? argument, ulong start, ulong end, ulong info)
    {
        mm_context_t context = (mm_context_t)argument!;
        X86Arch arch = context.arch;
        tlb_state state = arch.cpu_tlbstate[cpu.Id];

        // The CPU went on to something else since the sender looked: its slot is behind now, which the next switch finds.
        if (state.loaded_mm != context)
            return;
        if (state.is_lazy)
        {
            // Cheaper than to flush again and again for nobody.
            leave_mm(arch, cpu, state);
            return;
        }

        long new_tlb_gen = (long)(info >> 8);
        int stride_shift = (int)(info & 0x3f);
        long mm_tlb_gen = Volatile.Read(ref context.tlb_gen);
        ref tlb_context slot = ref state.ctxs[state.loaded_mm_asid];
        long local_tlb_gen = slot.tlb_gen;

        // A later flush was complete and covered this one.
        if (local_tlb_gen == mm_tlb_gen)
            return;

        // Page by page is enough only if this is the very next flush and there is no newer one: else something is missing and all must go.
        if (end != TLB_FLUSH_ALL && new_tlb_gen == local_tlb_gen + 1 && new_tlb_gen == mm_tlb_gen)
        {
            for (ulong addr = start; addr < end; addr += 1UL << stride_shift)
                cpu.FlushPage(addr);
        }
        else
        {
            cpu.FlushAsid(kern_pcid(arch, state.loaded_mm_asid));
        }

        slot.tlb_gen = mm_tlb_gen;
    }

    private static void do_flush_tlb_all(Cpu cpu, object? argument, ulong a, ulong b, ulong c) => cpu.FlushAll();

    private static void do_kernel_range_flush(Cpu cpu, object? argument, ulong start, ulong length, ulong c) => cpu.FlushRange(start, length);
}
