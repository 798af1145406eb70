// SPDX-License-Identifier: GPL-2.0-only
// Mirrors arch/arm64/kvm/mmio.c, Linux 6.18.
namespace Linux;

internal static unsafe class Mmio
{
    /// <summary>A load or store where there is no memory: user space is asked to do it.</summary>
    /// <returns>0: exit.</returns>
    internal static int io_mem_abort(kvm_vcpu vcpu, ulong fault_ipa)
    {
        ref kvm_vcpu_fault_info fault = ref arch_of(vcpu).fault;
        kvm_run* run = vcpu.run;
        run->exit_reason = KVM_EXIT_MMIO;
        run->mmio_phys_addr = fault_ipa;
        run->mmio_len = (uint)fault.size;
        run->mmio_is_write = fault.is_write ? (byte)1 : (byte)0;
        *(ulong*)run->mmio_data = fault.is_write ? fault.data : 0;
        vcpu.mmio_needed = true;
        return 0;
    }

    /// <summary>Takes user space's answer, once.</summary>
    internal static int kvm_handle_mmio_return(kvm_vcpu vcpu)
    {
        if (!vcpu.mmio_needed)
            return 1;
        vcpu.mmio_needed = false;
        kvm_run* run = vcpu.run;
        ulong data = *(ulong*)run->mmio_data;
        int size = (int)Math.Min(run->mmio_len, 8);
        if (size < 8)
            data &= (1UL << (size * 8)) - 1;
        arch_of(vcpu).script.Complete(arch_of(vcpu), data);
        return 1;
    }
}
