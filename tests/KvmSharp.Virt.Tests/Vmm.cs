// SPDX-License-Identifier: GPL-2.0-only
namespace KvmSharp.Virt.Tests;

/// <summary>A monitor's view of one VM: ioctls by name, with nothing in between.</summary>
internal sealed unsafe class Vmm
{
    private const ulong OrdinaryBytes = 16UL << 20;
    private ulong _ordinary;

    internal Vmm(UserProcess process, ulong type)
    {
        Process = process;
        KvmFd = process.OpenKvm();
        Fd = NewVm(type);
    }

    internal UserProcess Process { get; }

    internal int KvmFd { get; }

    internal int Fd { get; }

    /// <summary>16 MiB of anonymous memory, aligned to 2 MiB.</summary>
    internal ulong Ordinary
    {
        get
        {
            if (_ordinary == 0)
                _ordinary = ((ulong)Process.Mmap(0, OrdinaryBytes + (2UL << 20), 3, 0x22, -1, 0) + (2UL << 20) - 1) & ~((2UL << 20) - 1);
            return _ordinary;
        }
    }

    /// <summary>How many invalidations of the VM are complete.</summary>
    internal ulong Seq => With(kvm => kvm.mmu_invalidate_seq);

    internal long InProgress => (long)With(kvm => (ulong)kvm.mmu_invalidate_in_progress);

    /// <summary>First and behind-the-last guest frame of the invalidation that was last.</summary>
    internal (ulong Start, ulong End) InvalidatedRange => (With(kvm => kvm.mmu_invalidate_range_start.Value), With(kvm => kvm.mmu_invalidate_range_end.Value));

    internal int NewVm(ulong type = 0) => Good(Process.Ioctl(KvmFd, KVM_CREATE_VM, type));

    internal int Good(long result)
    {
        Assert.That(result, Is.GreaterThanOrEqualTo(0), () => Errno.Name((int)result));
        return (int)result;
    }

    internal long Cap(int cap) => Process.Ioctl(Fd, KVM_CHECK_EXTENSION, (ulong)cap);

    internal long Gmem(ulong size, ulong flags = 0, ulong reserved = 0, int vm = -1, UserProcess? by = null)
    {
        var args = new kvm_create_guest_memfd { size = size, flags = flags };
        for (int i = 0; i < 6; i++)
            args.reserved[i] = reserved;
        UserProcess process = by ?? Process;
        process.Write(process.Scratch, new ReadOnlySpan<byte>(&args, sizeof(kvm_create_guest_memfd)));
        return process.Ioctl(vm < 0 ? Fd : vm, KVM_CREATE_GUEST_MEMFD, process.Scratch);
    }

    internal int File(ulong size, ulong flags = 0) => Good(Gmem(size, flags));

    /// <summary>KVM_SET_USER_MEMORY_REGION2 with a guest_memfd, over ordinary memory unless another address is given.</summary>
    internal long Region2(uint slot, ulong gpa, ulong size, int fd, ulong offset = 0, uint flags = KVM_MEM_GUEST_MEMFD, ulong? hva = null, int vm = -1)
    {
        var region = new kvm_userspace_memory_region2
        {
            slot = slot,
            flags = flags,
            guest_phys_addr = gpa,
            memory_size = size,
            userspace_addr = hva ?? Ordinary,
            guest_memfd_offset = offset,
            guest_memfd = (uint)fd,
        };
        return Process.Ioctl(vm < 0 ? Fd : vm, KVM_SET_USER_MEMORY_REGION2, Put(&region, sizeof(kvm_userspace_memory_region2)));
    }

    internal long Region1(uint slot, ulong gpa, ulong size, uint flags = 0)
    {
        // The first 32 bytes are the layout of the older call.
        var region = new kvm_userspace_memory_region2 { slot = slot, flags = flags, guest_phys_addr = gpa, memory_size = size, userspace_addr = Ordinary };
        return Process.Ioctl(Fd, KVM_SET_USER_MEMORY_REGION, Put(&region, 32));
    }

    internal long Ordinary2(uint slot, ulong gpa, ulong size) => Region2(slot, gpa, size, -1, flags: 0);

    internal long Delete(uint slot) => Region2(slot, 0, 0, -1);

    internal long Attributes(ulong gpa, ulong size, ulong attributes, ulong flags = 0)
    {
        var args = new kvm_memory_attributes { address = gpa, size = size, attributes = attributes, flags = flags };
        return Process.Ioctl(Fd, KVM_SET_MEMORY_ATTRIBUTES, Put(&args, sizeof(kvm_memory_attributes)));
    }

    internal long DirtyLog(uint slot)
    {
        var args = new kvm_dirty_log { slot = slot, dirty_bitmap = Process.Scratch + 4096 };
        return Process.Ioctl(Fd, KVM_GET_DIRTY_LOG, Put(&args, sizeof(kvm_dirty_log)));
    }

    internal int Vcpu(ulong id = 0) => Good(Process.Ioctl(Fd, KVM_CREATE_VCPU, id));

    /// <summary>Pre-faults; what remains of the range is in the out parameters.</summary>
    internal long PreFault(int vcpu, ulong gpa, ulong size, out ulong left, ulong flags = 0)
    {
        var args = new kvm_pre_fault_memory { gpa = gpa, size = size, flags = flags };
        long result = Process.Ioctl(vcpu, KVM_PRE_FAULT_MEMORY, Put(&args, sizeof(kvm_pre_fault_memory)));
        Process.Read(Process.Scratch, new Span<byte>(&args, sizeof(kvm_pre_fault_memory)));
        left = args.size;
        Assert.That(args.gpa + args.size, Is.EqualTo(unchecked(gpa + size)));
        return result;
    }

    internal ulong Map(int fd, ulong bytes, ulong offset = 0, uint prot = 3)
    {
        long address = Process.Mmap(0, bytes, prot, 1, fd, offset);
        Assert.That(address is < 0 and >= -4095, Is.False, () => Errno.Name((int)address));
        return (ulong)address;
    }

    /// <summary>Pages that the file has.</summary>
    internal ulong Pages(int fd) => (ulong)Process.Syscall(fd, static fd =>
    {
        @file file = Linux.File.fget((uint)fd)!;
        ulong pages = file.f_mapping.nrpages;
        fput(file);
        return (long)pages;
    });

    internal kstat Stat(int fd)
    {
        kstat stat = default;
        Good(Process.Syscall(fd, n => Linux.Stat.sys_fstat((uint)n, ref stat)));
        return stat;
    }

    internal byte[] Load(ulong address, ulong bytes)
    {
        var data = new byte[bytes];
        Process.Read(address, data);
        return data;
    }

    /// <summary>The signal that a load or store of one byte raises, 0 for none.</summary>
    internal int Touch(ulong address, bool write)
    {
        Span<byte> data = [0];
        kernel_siginfo signal;
        bool done = write ? Process.TryStore(address, data, out _, out signal) : Process.TryLoad(address, data, out _, out signal);
        return done ? 0 : signal.si_signo;
    }

    internal long Sys<T>(T state, Func<T, long> body) => Process.Syscall(state, body);

    private ulong With(Func<kvm, ulong> read) => (ulong)Process.Syscall(Fd, fd =>
    {
        @file held = fget((uint)fd)!;
        ulong value = read((kvm)held.private_data!);
        fput(held);
        return (long)value;
    });

    private ulong Put(void* data, int size)
    {
        Process.Write(Process.Scratch, new ReadOnlySpan<byte>(data, size));
        return Process.Scratch;
    }
}
