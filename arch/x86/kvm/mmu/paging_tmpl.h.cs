// SPDX-License-Identifier: GPL-2.0-only
// Mirrors arch/x86/kvm/mmu/paging_tmpl.h, Linux 6.18.
using KvmSharp.Arch.X86;

namespace Linux;

/// <summary>
/// KVM's own walk of a guest's tables, for emulation: entries are read, and their accessed and dirty bits set, by way of the user mapping. So it
/// finds the shared half of memory, whatever the attributes say, and never touches the direct map.
/// </summary>
internal readonly unsafe struct guest_walker : IGuestPhysicalMemory
{
    private readonly kvm_vcpu vcpu;

    internal guest_walker(kvm_vcpu vcpu) => this.vcpu = vcpu;

    public X86BusResult ReadEntry(ulong gpa, out ulong entry)
    {
        entry = 0;
        ulong value;

        // An entry that cannot be read counts as not present.
        gfn_t gfn = new(gpa >> PAGE_SHIFT);
        if (KvmMain.kvm_vcpu_read_guest_page(vcpu, gfn, &value, (int)(gpa & ~PAGE_MASK), sizeof(ulong)) == 0)
            entry = value;
        return X86BusResult.Done;
    }

    public X86BusResult CompareExchangeEntry(ulong gpa, ulong expected, ulong value, out bool exchanged)
    {
        gfn_t gfn = new(gpa >> PAGE_SHIFT);
        hva_t hva = KvmMain.kvm_vcpu_gfn_to_hva_prot(vcpu, gfn, out bool writable);

        // Read-only memory cannot keep the bits; the guest must have set them.
        exchanged = true;
        if (KvmMain.kvm_is_error_hva(hva) || !writable)
            return X86BusResult.Done;
        int r = update_accessed_dirty_bits(hva.Value + (gpa & ~PAGE_MASK), expected, value);
        exchanged = r == 0;
        if (r == 0)
            KvmMain.kvm_vcpu_mark_page_dirty(vcpu, gfn);
        return X86BusResult.Done;
    }

    /// <returns>0: exchanged; 1: the entry was another; -EFAULT.</returns>
    private static int update_accessed_dirty_bits(ulong address, ulong expected, ulong value)
    {
        ulong seen;
        if (__copy_from_user(&seen, address, sizeof(ulong)) != 0)
            return -EFAULT;
        if (seen != expected)
            return 1;
        return __copy_to_user(address, &value, sizeof(ulong)) != 0 ? -EFAULT : 0;
    }
}
