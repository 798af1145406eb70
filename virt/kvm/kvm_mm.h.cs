// SPDX-License-Identifier: GPL-2.0-only
// Mirrors virt/kvm/kvm_mm.h, Linux 6.18.
namespace Linux;

internal static class KvmMmH
{
    [Acquires("kvm.mmu_lock")]
    internal static void KVM_MMU_LOCK(kvm kvm) => write_lock(kvm.mmu_lock);

    [Releases("kvm.mmu_lock")]
    internal static void KVM_MMU_UNLOCK(kvm kvm) => write_unlock(kvm.mmu_lock);
}
