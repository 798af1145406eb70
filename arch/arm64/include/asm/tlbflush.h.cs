// SPDX-License-Identifier: GPL-2.0-only
// Mirrors arch/arm64/include/asm/tlbflush.h, Linux 6.18.
namespace Linux;

// Invalidations are broadcast by hardware to all CPUs, and waited for: no interrupt is sent, and any context will do.
internal static class Arm64TlbflushH
{
    /// <summary>Operations for one request, where there are none for ranges; more become one for everything.</summary>
    internal const ulong MAX_DVM_OPS = PTRS_PER_PTE;

    /// <summary>Pages that operations for ranges can name.</summary>
    internal const ulong MAX_TLBI_RANGE_PAGES = 32UL << 16;

    internal static bool system_supports_tlb_range(Arm64Arch arch) => (arch.machine.Config.Features & CpuFeatures.ArmTlbiRange) != 0;

    internal static void local_flush_tlb_all(Arm64Arch arch) => arch.this_cpu().FlushAll();

    internal static void flush_tlb_all(Arm64Arch arch) => arch.machine.BroadcastInvalidate(arch.this_cpu(), ShootdownKind.All);

    internal static void flush_tlb_kernel_range(Arm64Arch arch, ulong start, ulong end)
    {
        current.kernel.Tracepoints.KernelTlbFlush.Trace(start, end);
        start &= PAGE_MASK;
        end = PAGE_ALIGN(end);
        ulong pages = (end - start) >> PAGE_SHIFT;
        if (__flush_tlb_range_limit_excess(arch, start, end, pages, PAGE_SIZE))
            flush_tlb_all(arch);
        else
            __flush_tlb_range_op(arch, ShootdownKind.RangeAllSpaces, start, pages, PAGE_SIZE, 0);
    }

    internal static void flush_tlb_mm(Arm64Arch arch, mm_struct mm) =>
        arch.machine.BroadcastInvalidate(arch.this_cpu(), ShootdownKind.Asid, asid: ASID(mm));

    internal static void __flush_tlb_range(Arm64Arch arch, mm_struct mm, ulong start, ulong end, ulong stride)
    {
        start &= ~(stride - 1);
        end = (end + stride - 1) & ~(stride - 1);
        ulong pages = (end - start) >> PAGE_SHIFT;

        // An end of zero asks for everything.
        if (end <= start || __flush_tlb_range_limit_excess(arch, start, end, pages, stride))
            flush_tlb_mm(arch, mm);
        else
            __flush_tlb_range_op(arch, ShootdownKind.Range, start, pages, stride, ASID(mm));
    }

    private static uint ASID(mm_struct mm) => (uint)(Volatile.Read(ref ((arm64_mm_context)mm.context!).id) & Arm64Context.ASID_MASK);

    private static bool __flush_tlb_range_limit_excess(Arm64Arch arch, ulong start, ulong end, ulong pages, ulong stride) =>
        (!system_supports_tlb_range(arch) && end - start >= MAX_DVM_OPS * stride) || pages > MAX_TLBI_RANGE_PAGES;

    // Operations for ranges cover (num + 1) << (5 * scale + 1) pages, so an odd page at the end needs one of its own.
    private static void __flush_tlb_range_op(Arm64Arch arch, ShootdownKind op, ulong start, ulong pages, ulong stride, uint asid)
    {
        Cpu cpu = arch.this_cpu();
        for (int scale = 3; pages > 0;)
        {
            if (!system_supports_tlb_range(arch) || pages == 1)
            {
                arch.machine.BroadcastInvalidate(cpu, op, start, stride, asid);
                start += stride;
                pages -= Math.Min(pages, stride >> PAGE_SHIFT);
                continue;
            }

            int shift = (5 * scale) + 1;
            ulong num = Math.Min(pages, 32UL << shift) >> shift;
            if (num != 0)
            {
                ulong covered = num << shift;
                arch.machine.BroadcastInvalidate(cpu, op, start, covered << PAGE_SHIFT, asid);
                start += covered << PAGE_SHIFT;
                pages -= covered;
            }

            scale--;
        }
    }
}
