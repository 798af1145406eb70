// SPDX-License-Identifier: GPL-2.0-only
// Mirrors arch/x86/kvm/mmu/mmu_internal.h, Linux 6.18.
namespace Linux;

/// <summary>Results of the fault path that are not errors. Errors are negative. The names are those of C's constants after RET_PF_.</summary>
internal static class RET_PF
{
    /// <summary>Not done yet.</summary>
    internal const int CONTINUE = 0;

    /// <summary>Let the guest fault again.</summary>
    internal const int RETRY = 1;
    internal const int EMULATE = 2;

    /// <summary>The fast path does not apply.</summary>
    internal const int INVALID = 4;
    internal const int FIXED = 5;

    /// <summary>Another vCPU had fixed it.</summary>
    internal const int SPURIOUS = 6;
}

/// <summary>One second-stage fault on its way through the handlers.</summary>
internal ref struct kvm_page_fault
{
    internal ulong addr;
    internal ulong error_code;

    /// <summary>Nobody waits for the result: do not set the accessed bit.</summary>
    internal bool prefetch;
    internal bool exec;
    internal bool write;
    internal bool present;
    internal bool rsvd;
    internal bool is_private;
    internal bool nx_huge_page_workaround_enabled;
    internal bool huge_page_disallowed;

    /// <summary>Largest level that the memory allows.</summary>
    internal pg_level max_level;
    internal pg_level req_level;

    /// <summary>The level to map at.</summary>
    internal pg_level goal_level;
    internal gfn_t gfn;

    /// <summary>Null: no memory there.</summary>
    internal kvm_memory_slot? slot;

    /// <summary>Invalidation sequence before anything was looked up.</summary>
    internal ulong mmu_seq;
    internal kvm_pfn_t pfn;

    /// <summary>Reference to the page, if it has one, until the entry is installed.</summary>
    internal page refcounted_page;
    internal bool map_writable;
}

internal static class MmuInternalH
{
    internal static void kvm_mmu_prepare_memory_fault_exit(kvm_vcpu vcpu, in kvm_page_fault fault) =>
        KvmMain.kvm_prepare_memory_fault_exit(
            vcpu, new gpa_t(fault.gfn.Value << PAGE_SHIFT), PAGE_SIZE, fault.write, fault.exec, fault.is_private);

    [MightSleep]
    internal static int kvm_mmu_do_page_fault(kvm_vcpu vcpu, ulong cr2_or_gpa, ulong err, bool prefetch, out pg_level level)
    {
        kvm_page_fault fault = new()
        {
            addr = cr2_or_gpa,
            error_code = err,
            exec = (err & PFERR_FETCH_MASK) != 0,
            write = (err & PFERR_WRITE_MASK) != 0,
            present = (err & PFERR_PRESENT_MASK) != 0,
            rsvd = (err & PFERR_RSVD_MASK) != 0,
            is_private = (err & PFERR_PRIVATE_ACCESS) != 0,
            prefetch = prefetch,
            max_level = KVM_MAX_HUGEPAGE_LEVEL,
            req_level = pg_level.PG_LEVEL_4K,
            goal_level = pg_level.PG_LEVEL_4K,
            gfn = new gfn_t(cr2_or_gpa >> PAGE_SHIFT),
            pfn = KVM_PFN_ERR_FAULT,
        };
        fault.slot = KvmMain.kvm_vcpu_gfn_to_memslot(vcpu, fault.gfn);

        int r = X86Mmu.kvm_tdp_page_fault(vcpu, ref fault);

        // KVM cannot read private memory, so it cannot decode the instruction either.
        if (r == RET_PF.EMULATE && fault.is_private)
        {
            kvm_mmu_prepare_memory_fault_exit(vcpu, in fault);
            r = -EFAULT;
        }

        level = fault.goal_level;
        return r;
    }
}
