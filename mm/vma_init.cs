// SPDX-License-Identifier: GPL-2.0-only
// Mirrors mm/vma_init.c, Linux 6.18.
namespace Linux;

internal static class VmaInit
{
    /// <summary>What an area has whose file did not say anything: not anonymous, and every fault is SIGBUS.</summary>
    internal static readonly vm_operations_struct vma_dummy_vm_ops = new();

    [MustCheck]
    internal static vm_area_struct? vm_area_alloc(mm_struct mm)
    {
        if (should_fail(mm.kernel, "vm_area_struct"))
            return null;
        var vma = new vm_area_struct(mm) { vm_ops = vma_dummy_vm_ops };
        mm.kernel.LiveVmas.Born();
        return vma;
    }

    /// <summary>A copy for another place or another mm; it has no family links, no references and no place in a tree yet.</summary>
    [MustCheck]
    internal static vm_area_struct? vm_area_dup(vm_area_struct orig, mm_struct mm)
    {
        vm_area_struct? vma = vm_area_alloc(mm);
        if (vma is null)
            return null;
        vma.vm_start = orig.vm_start;
        vma.vm_end = orig.vm_end;
        vma.vm_flags = orig.vm_flags;
        vma.vm_page_prot = orig.vm_page_prot;
        vma.vm_pgoff = orig.vm_pgoff;
        vma.vm_file = orig.vm_file;
        vma.vm_ops = orig.vm_ops;
        vma.anon_vma = orig.anon_vma;
        vma.vm_private_data = orig.vm_private_data;
        vma.vm_policy = orig.vm_policy;
        vma.uffd_flags = orig.uffd_flags;
        vma.anon_name = orig.anon_name;
        return vma;
    }

    internal static void vm_area_free(vm_area_struct vma)
    {
        BUG_ON(vma.Attached);
        vma.vm_mm.kernel.LiveVmas.Died();
    }
}
