// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

namespace KvmSharp.Machine;

/// <summary>What the hardware does that is counted and priced. "Leaf" means an entry that translates; sizes are those of the leaf.</summary>
public enum HwEvent
{
    /// <summary>Store to a 4 KiB leaf of the kernel's linear map.</summary>
    PteWrite4K,

    /// <summary>Store to a 2 MiB leaf of the kernel's linear map.</summary>
    PteWrite2M,

    /// <summary>Store to a 1 GiB leaf of the kernel's linear map.</summary>
    PteWrite1G,

    /// <summary>Store to an entry of another kernel mapping (temporary or dynamic).</summary>
    KernelPteWrite,

    /// <summary>Store to an entry of a user page table.</summary>
    UserPteWrite,

    /// <summary>Store to an entry of a second-stage table (EPT, stage 2).</summary>
    TdpPteWrite,

    /// <summary>A 2 MiB leaf became a table of 512 4 KiB leaves (the stores of the new table are in the price).</summary>
    SplitLeaf2M,

    /// <summary>A 1 GiB leaf became a table of 512 2 MiB leaves.</summary>
    SplitLeaf1G,

    /// <summary>A table of 4 KiB leaves became a 2 MiB leaf.</summary>
    MergeLeaf2M,

    /// <summary>A table of 2 MiB leaves became a 1 GiB leaf.</summary>
    MergeLeaf1G,

    /// <summary>Invalidation of one page on one CPU.</summary>
    TlbFlushLocalPage,

    /// <summary>Invalidation of everything on one CPU.</summary>
    TlbFlushLocalAll,

    /// <summary>Invalidation of one address space on one CPU.</summary>
    TlbFlushLocalAsid,

    /// <summary>Invalidation of guest translations on one CPU.</summary>
    TlbFlushLocalGuest,

    /// <summary>A range was invalidated on many CPUs: one count per operation.</summary>
    TlbShootdownRange,

    /// <summary>Everything was invalidated on many CPUs: one count per operation.</summary>
    TlbShootdownAll,

    /// <summary>Guest translations were invalidated on many CPUs: one count per operation.</summary>
    TlbShootdownGuest,

    /// <summary>An interrupt was sent to another CPU: one count per target.</summary>
    IpiSent,

    /// <summary>An interrupt from another CPU was taken.</summary>
    IpiReceived,

    /// <summary>An invalidation was broadcast by hardware and waited for: one count per operation, whatever the number of CPUs.</summary>
    TlbBroadcastInvalidate,

    /// <summary>4096 bytes were set to zero.</summary>
    PageClear,

    /// <summary>4096 bytes were copied.</summary>
    PageCopy,

    /// <summary>A table walk after a TLB miss.</summary>
    PageTableWalk,

    /// <summary>One entry read by a walk.</summary>
    WalkStep,

    /// <summary>A translation found in a TLB.</summary>
    TlbHit,

    /// <summary>A translation not found in a TLB.</summary>
    TlbMiss,

    /// <summary>A combined guest translation found in a TLB.</summary>
    GuestTlbHit,

    /// <summary>A combined guest translation not found in a TLB.</summary>
    GuestTlbMiss,

    /// <summary>A first-stage translation failed.</summary>
    PageFault,

    /// <summary>A second-stage translation failed.</summary>
    TdpFault,

    /// <summary>The CPU left guest mode.</summary>
    VmExit,

    /// <summary>The CPU entered guest mode.</summary>
    VmEntry,

    /// <summary>Another address space was loaded.</summary>
    ContextSwitch,

    /// <summary>One 4 KiB page of data cache was cleaned or invalidated by address.</summary>
    CacheMaintenance,

    /// <summary>A byte read by the kernel in bulk.</summary>
    KernelLoadByte,

    /// <summary>A byte written by the kernel in bulk.</summary>
    KernelStoreByte,

    /// <summary>A system call: entry and exit.</summary>
    SystemCall,

    /// <summary>An instruction of a guest.</summary>
    GuestInstruction,
}
