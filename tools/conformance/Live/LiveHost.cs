// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using Linux;

namespace KvmSharp.Conformance.Live;

/// <summary>What a trace's header says of the host that it is recorded on.</summary>
internal static class LiveHost
{
    private const ulong MemlockBytes = 8 << 20;

    private static readonly (string Name, uint Number)[] _capabilities =
    [
        ("KVM_CAP_USER_MEMORY", 3), ("KVM_CAP_NR_VCPUS", 9), ("KVM_CAP_NR_MEMSLOTS", 10), ("KVM_CAP_SYNC_MMU", 16),
        ("KVM_CAP_DESTROY_MEMORY_REGION_WORKS", 21), ("KVM_CAP_JOIN_MEMORY_REGIONS_WORKS", 30), ("KVM_CAP_INTERNAL_ERROR_DATA", 40),
        ("KVM_CAP_MAX_VCPUS", 66), ("KVM_CAP_READONLY_MEM", 81), ("KVM_CAP_CHECK_EXTENSION_VM", 105), ("KVM_CAP_MULTI_ADDRESS_SPACE", 118),
        ("KVM_CAP_IMMEDIATE_EXIT", 136), ("KVM_CAP_MAX_VCPU_ID", 128), ("KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2", 168), ("KVM_CAP_DIRTY_LOG_RING", 192),
        ("KVM_CAP_VM_DISABLE_NX_HUGE_PAGES", 220), ("KVM_CAP_DIRTY_LOG_RING_ACQ_REL", 223), ("KVM_CAP_USER_MEMORY2", 231),
        ("KVM_CAP_MEMORY_FAULT_INFO", 232), ("KVM_CAP_MEMORY_ATTRIBUTES", 233), ("KVM_CAP_GUEST_MEMFD", 234), ("KVM_CAP_VM_TYPES", 235),
        ("KVM_CAP_PRE_FAULT_MEMORY", 236), ("KVM_CAP_GUEST_MEMFD_FLAGS", 244),
    ];

    /// <summary>Asks the host. Name and family are for the caller to set.</summary>
    internal static TraceHeader Describe()
    {
        var header = new TraceHeader
        {
            Name = "live",
            Family = "live",
            Kernel = Release(),
            Caps = new Dictionary<string, long>(),
            MemlockSoft = MemlockBytes,
            MemlockHard = MemlockBytes,
            CapIpcLock = true,
        };
        using HostAgent agent = HostAgent.Start();
        IUserMachine machine = HostChecker.Prepare(agent, header);
        ulong kvm = (ulong)machine.OpenKvm();
        long vm = machine.Syscall(Unistd64.__NR_ioctl, kvm, UapiKvm.KVM_CREATE_VM, 0);
        if (vm < 0)
            throw new HostException($"KVM_CREATE_VM: {Errno.Name((int)vm)}");
        var caps = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach ((string name, uint number) in _capabilities)
            caps[name] = machine.Syscall(Unistd64.__NR_ioctl, (ulong)vm, UapiKvm.KVM_CHECK_EXTENSION, number);
        return header with { Caps = caps };
    }

    /// <summary>"6.18" of "6.18.1-something".</summary>
    private static string Release()
    {
        string[] parts = System.IO.File.ReadAllText("/proc/sys/kernel/osrelease").Trim().Split('.', '-');
        return parts.Length >= 2 ? $"{parts[0]}.{parts[1]}" : parts[0];
    }
}
