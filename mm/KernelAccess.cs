// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Text;

namespace Linux;

/// <summary>
/// Loads and stores of the kernel. A kernel virtual address is translated by the MMU of the CPU that the task runs on, so that touching a
/// page whose direct-map entry is gone faults as on silicon. Pointers are good to the end of their 4 KiB page and until the task polls,
/// blocks or leaves the kernel.
/// </summary>
internal static unsafe class KernelAccess
{
    /// <summary>Host address behind a kernel address.</summary>
    /// <exception cref="KernelOops">There is no translation that allows the access.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static byte* Read(task_struct task, ulong va)
    {
        byte* host = task.rq.hw.TryAccess(va, AccessKind.KernelRead, out WalkFault fault);
        return host != null ? host : Fault(task, va, AccessKind.KernelRead, fault);
    }

    /// <inheritdoc cref="Read"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static byte* Write(task_struct task, ulong va)
    {
        byte* host = task.rq.hw.TryAccess(va, AccessKind.KernelWrite, out WalkFault fault);
        return host != null ? host : Fault(task, va, AccessKind.KernelWrite, fault);
    }

    /// <summary>Fills a range of kernel addresses with zeroes.</summary>
    internal static void Clear(task_struct task, ulong va, ulong length)
    {
        while (length != 0)
        {
            ulong chunk = Math.Min(length, PAGE_SIZE - (va & ~PAGE_MASK));
            NativeMemory.Clear(Write(task, va), (nuint)chunk);
            Count(task, HwEvent.PageClear, HwEvent.KernelStoreByte, chunk);
            va += chunk;
            length -= chunk;
        }
    }

    /// <summary>Copies from kernel addresses to a buffer of the caller.</summary>
    internal static void CopyOut(task_struct task, ulong va, Span<byte> to)
    {
        while (to.Length != 0)
        {
            int chunk = (int)Math.Min((ulong)to.Length, PAGE_SIZE - (va & ~PAGE_MASK));
            new ReadOnlySpan<byte>(Read(task, va), chunk).CopyTo(to);
            Count(task, HwEvent.PageCopy, HwEvent.KernelLoadByte, (ulong)chunk);
            va += (ulong)chunk;
            to = to[chunk..];
        }
    }

    /// <summary>Copies a buffer of the caller to kernel addresses.</summary>
    internal static void CopyIn(task_struct task, ulong va, ReadOnlySpan<byte> from)
    {
        while (from.Length != 0)
        {
            int chunk = (int)Math.Min((ulong)from.Length, PAGE_SIZE - (va & ~PAGE_MASK));
            from[..chunk].CopyTo(new Span<byte>(Write(task, va), chunk));
            Count(task, HwEvent.PageCopy, HwEvent.KernelStoreByte, (ulong)chunk);
            va += (ulong)chunk;
            from = from[chunk..];
        }
    }

    /// <summary>A load that is expected to fault now and then: 0, or -EFAULT with <paramref name="to"/> written up to the fault.</summary>
    [MustCheck]
    internal static int TryCopyOut(task_struct task, ulong va, Span<byte> to)
    {
        while (to.Length != 0)
        {
            byte* host = task.rq.hw.TryAccess(va, AccessKind.KernelRead, out _);
            if (host == null)
                return -EFAULT;
            int chunk = (int)Math.Min((ulong)to.Length, PAGE_SIZE - (va & ~PAGE_MASK));
            new ReadOnlySpan<byte>(host, chunk).CopyTo(to);
            task.rq.hw.Count(HwEvent.KernelLoadByte, chunk);
            va += (ulong)chunk;
            to = to[chunk..];
        }

        return 0;
    }

    [MustCheck]
    internal static int TryCopyIn(task_struct task, ulong va, ReadOnlySpan<byte> from)
    {
        while (from.Length != 0)
        {
            byte* host = task.rq.hw.TryAccess(va, AccessKind.KernelWrite, out _);
            if (host == null)
                return -EFAULT;
            int chunk = (int)Math.Min((ulong)from.Length, PAGE_SIZE - (va & ~PAGE_MASK));
            from[..chunk].CopyTo(new Span<byte>(host, chunk));
            task.rq.hw.Count(HwEvent.KernelStoreByte, chunk);
            va += (ulong)chunk;
            from = from[chunk..];
        }

        return 0;
    }

    // Whole pages have their own price; pieces are priced by the byte.
    private static void Count(task_struct task, HwEvent whole, HwEvent piece, ulong bytes)
    {
        if (bytes == PAGE_SIZE)
            task.rq.hw.Count(whole);
        else
            task.rq.hw.Count(piece, (long)bytes);
    }

    // The architecture decides whether the translation was merely old. If not, the report says whose page it was.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static byte* Fault(task_struct task, ulong va, AccessKind kind, WalkFault fault)
    {
        try
        {
            while (task.kernel.arch.do_kernel_fault(task.kernel, fault))
            {
                byte* host = task.rq.hw.TryAccess(va, kind, out fault);
                if (host != null)
                    return host;
            }
        }
        catch (KernelOops oops)
        {
            throw new KernelOops(oops.Message, $"{kind} at 0x{va:x16}: {fault.Cause} at level {fault.Level}\n{DescribePage(task.kernel, va)}{oops.Report}");
        }

        throw new KernelOops($"BUG: unable to handle page fault for address: {va:x16}", DescribePage(task.kernel, va));
    }

    private static string DescribePage(Kernel kernel, ulong va)
    {
        ulong pfn = (va - kernel.PhysicalToDirectMap) >> PAGE_SHIFT;
        if (kernel.vmemmap == null || pfn >= kernel.max_pfn)
            return string.Empty;
        folio folio = pfn_folio(kernel, pfn);
        var text = new StringBuilder();
        text.Append($"pfn 0x{pfn:x}: {folio} refcount:{folio_ref_count(folio)} mapcount:{folio_mapcount(folio)} index:0x{folio.index:x} flags:0x{folio.flags:x}");
        text.Append($"{(folio_test_locked(folio) ? " locked" : string.Empty)}{(folio_test_uptodate(folio) ? " uptodate" : string.Empty)} private:0x{folio.@private:x}\n");
        if (folio_mapping(folio) is { } mapping)
            text.Append($"mapping of inode {mapping.host.i_ino}: flags 0x{mapping.flags:x}{(mapping_no_direct_map(mapping) ? " no_direct_map" : string.Empty)}\n");
        return text.ToString();
    }
}
