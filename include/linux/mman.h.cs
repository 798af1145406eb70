// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/mman.h, Linux 6.18.
namespace Linux;

internal static class MmanH
{
    /// <summary>Flags that MAP_SHARED has always accepted; it ignores all others.</summary>
    internal const ulong LEGACY_MAP_MASK = MAP_SHARED | MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_DENYWRITE | MAP_EXECUTABLE | MAP_UNINITIALIZED |
        MAP_GROWSDOWN | MAP_LOCKED | MAP_NORESERVE | MAP_POPULATE | MAP_NONBLOCK | MAP_STACK | MAP_HUGETLB | MAP_32BIT | MAP_ABOVE4G |
        MAP_HUGE_2MB | MAP_HUGE_1GB;

    internal const int OVERCOMMIT_GUESS = 0;
    internal const int OVERCOMMIT_ALWAYS = 1;
    internal const int OVERCOMMIT_NEVER = 2;

    internal static ulong calc_vm_prot_bits(ulong prot) =>
        ((prot & PROT_READ) != 0 ? VM_READ : 0) | ((prot & PROT_WRITE) != 0 ? VM_WRITE : 0) | ((prot & PROT_EXEC) != 0 ? VM_EXEC : 0);

    internal static ulong calc_vm_flag_bits(ulong flags) =>
        ((flags & MAP_GROWSDOWN) != 0 ? VM_GROWSDOWN : 0) | ((flags & MAP_LOCKED) != 0 ? VM_LOCKED : 0) |
        ((flags & MAP_SYNC) != 0 ? VM_SYNC : 0) | ((flags & MAP_STACK) != 0 ? VM_NOHUGEPAGE : 0);

    internal static bool arch_validate_prot(ulong prot) => (prot & ~(PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM)) == 0;

    internal static void vm_acct_memory(Kernel kernel, long pages) => Interlocked.Add(ref kernel.vm_committed_as, pages);

    internal static void vm_unacct_memory(Kernel kernel, long pages) => Interlocked.Add(ref kernel.vm_committed_as, -pages);
}
