// SPDX-License-Identifier: GPL-2.0-only
// Mirrors mm/vma.h, Linux 6.18.
namespace Linux;

/// <summary>A proposal to merge a range with its neighbours: what the merged area would be like, and what came of it.</summary>
internal ref struct vma_merge_struct
{
    internal mm_struct mm;
    internal vm_area_struct? prev;

    /// <summary>The existing area that the range is part of; null for a range that is new.</summary>
    internal vm_area_struct? middle;
    internal vm_area_struct? next;
    internal vm_area_struct? target;
    internal ulong start;
    internal ulong end;
    internal pgoff_t pgoff;
    internal ulong vm_flags;
    internal @file? file;
    internal anon_vma? anon_vma;
    internal mempolicy? policy;
    internal uint uffd;
    internal string? anon_name;
    internal bool nomem;

    internal vma_merge_struct(vm_area_struct vma, vm_area_struct? prev, ulong start, ulong end)
    {
        mm = vma.vm_mm;
        this.prev = prev;
        middle = vma;
        next = null;
        target = null;
        this.start = start;
        this.end = end;
        pgoff = linear_page_index(vma, start);
        vm_flags = vma.vm_flags;
        file = vma.vm_file;
        anon_vma = vma.anon_vma;
        policy = vma.vm_policy;
        uffd = vma.uffd_flags;
        anon_name = vma.anon_name;
        nomem = false;
    }
}

/// <summary>An unmapping in progress: the areas it takes, chained, and what the mm's counters lose.</summary>
internal ref struct vma_munmap_struct
{
    internal mm_struct mm;
    internal vm_area_struct? vma;
    internal vm_area_struct? prev;
    internal vm_area_struct? next;
    internal vm_area_struct? first;
    internal vm_area_struct? last;
    internal ulong start;
    internal ulong end;
    internal int vma_count;
    internal ulong nr_pages;
    internal ulong locked_vm;
    internal ulong nr_accounted;
    internal ulong exec_vm;
    internal ulong stack_vm;
    internal ulong data_vm;
    internal bool clear_ptes;
    internal bool closed_vm_ops;
}

/// <summary>An mmap() in progress.</summary>
internal ref struct mmap_state
{
    internal mm_struct mm;
    internal ulong addr;
    internal ulong end;
    internal pgoff_t pgoff;
    internal ulong pglen;
    internal ulong vm_flags;
    internal @file? file;
    internal vm_operations_struct? vm_ops;
    internal object? vm_private_data;
    internal bool file_changed;
    internal ulong charged;
    internal vm_area_struct? prev;
    internal vm_area_struct? next;
    internal vma_munmap_struct vms;
}

internal static class VmaH
{
    /// <summary>Bits in which areas may differ and merge all the same; the merged area has all of them.</summary>
    internal const ulong VM_STICKY = VM_MAYBE_GUARD;
    internal const ulong VM_IGNORE_MERGE = VM_STICKY;

    internal static ulong vma_pages(vm_area_struct vma) => (vma.vm_end - vma.vm_start) >> PAGE_SHIFT;

    internal static bool vma_is_anonymous(vm_area_struct vma) => vma.vm_ops is null;

    internal static void vma_set_anonymous(vm_area_struct vma) => vma.vm_ops = null;

    internal static bool vma_is_accessible(vm_area_struct vma) => (vma.vm_flags & VM_ACCESS_FLAGS) != 0;

    internal static bool is_shared_maywrite(ulong vm_flags) => (vm_flags & (VM_SHARED | VM_MAYWRITE)) == (VM_SHARED | VM_MAYWRITE);

    internal static bool vma_is_shared_maywrite(vm_area_struct vma) => is_shared_maywrite(vma.vm_flags);

    internal static bool is_cow_mapping(ulong flags) => (flags & (VM_SHARED | VM_MAYWRITE)) == VM_MAYWRITE;

    /// <summary>Executable pages that are not writable and do not grow.</summary>
    internal static bool is_exec_mapping(ulong flags) => (flags & (VM_EXEC | VM_WRITE | VM_GROWSDOWN)) == VM_EXEC;

    internal static bool is_stack_mapping(ulong flags) => (flags & VM_GROWSDOWN) != 0;

    /// <summary>Private and writable: what RLIMIT_DATA counts.</summary>
    internal static bool is_data_mapping(ulong flags) => (flags & (VM_WRITE | VM_SHARED | VM_GROWSDOWN)) == VM_WRITE;

    /// <summary>Private writable memory, of which every page may have to be found one day.</summary>
    internal static bool accountable_mapping(@file? file, ulong vm_flags) => (vm_flags & (VM_NORESERVE | VM_SHARED | VM_WRITE | VM_HUGETLB)) == VM_WRITE;

    internal static vm_area_struct? vma_next(vm_area_struct vma) => vma.Next;

    internal static vm_area_struct? vma_prev(vm_area_struct vma) => vma.Previous;

    internal static void vm_flags_set(vm_area_struct vma, ulong flags) => vma.vm_flags |= flags;

    internal static void vm_flags_clear(vm_area_struct vma, ulong flags) => vma.vm_flags &= ~flags;

    internal static void vm_flags_reset(vm_area_struct vma, ulong flags) => vma.vm_flags = flags;

    /// <summary>Sets a bit that may change under mmap_lock held for reading.</summary>
    internal static void vma_set_atomic_flag(vm_area_struct vma, ulong flag) => Interlocked.Or(ref vma.vm_flags, flag);
}
