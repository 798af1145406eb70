// SPDX-License-Identifier: GPL-2.0-only
using KvmSharp.Arch.Arm64;
using KvmSharp.Init;
using static Linux.Arm64UapiKvm;

namespace KvmSharp.Arch.Arm64.Tests;

/// <summary>A booted arm64 host with user space, and a small VMM.</summary>
internal abstract unsafe class KvmArmTest
{
    protected const ulong MemoryBytes = 4UL << 20;
    protected const ulong Code = 0x10000;
    protected const ulong All = GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED;
    protected const ulong NoDirectMap = All | GUEST_MEMFD_FLAG_NO_DIRECT_MAP;

    /// <summary>Boots, runs the body in a process, powers off; what the kernel complained about is the result.</summary>
    protected static IReadOnlyList<string> Boot(
        Action<UserProcess> body, string strategy = "filemap", CpuFeatures features = CpuFeatures.ArmDefault, Arm64Options? options = null)
    {
        using var machine = new KvmSharp.Machine.Machine(
            new MachineConfig { Isa = Isa.Arm64, Cpus = 2, MemoryBytes = 256UL << 20, Features = features });
        DirectMapStrategy direct = new HostOptions { Strategy = strategy }.MakeStrategy();
        Linux.Kernel kernel = Linux.Main.start_kernel(machine, new Arm64Arch(machine, options), direct, new KernelConfig());
        try
        {
            UserProcess.Run(kernel, "vmm", body);
            kernel.RunTask(kernel.CheckInvariants);
            return kernel.Warnings;
        }
        finally
        {
            kernel.Dispose();
        }
    }

    protected static void BootCleanly(
        Action<UserProcess> body, string strategy = "filemap", CpuFeatures features = CpuFeatures.ArmDefault, Arm64Options? options = null) =>
        Assert.That(Boot(body, strategy, features, options), Is.Empty);

    /// <summary>A small VMM.</summary>
    protected sealed class Vm
    {
        private readonly UserProcess _process;
        private readonly int _kvm;
        private readonly List<int> _files = [];
        private ulong _run;

        internal Vm(UserProcess process, ulong type = 0)
        {
            _process = process;
            _kvm = process.OpenKvm();
            Fd = Check(process.Ioctl(_kvm, KVM_CREATE_VM, type));
        }

        internal int Fd { get; }

        internal int Vcpu { get; private set; } = -1;

        /// <summary>Where guest memory is in the process.</summary>
        internal ulong Memory { get; private set; }

        internal int MemoryFd { get; private set; }

        /// <summary>The shared page, through its mapping.</summary>
        internal kvm_run Exit
        {
            get
            {
                kvm_run copy;
                _process.Read(_run, new Span<byte>(&copy, sizeof(kvm_run)));
                return copy;
            }
        }

        internal static int Check(long r)
        {
            Assert.That(r, Is.GreaterThanOrEqualTo(0), () => Errno.Name((int)r));
            return (int)r;
        }

        internal long Cap(int cap) => _process.Ioctl(Fd, KVM_CHECK_EXTENSION, (ulong)cap);

        internal long CreateMemory(ulong flags, ulong bytes = MemoryBytes)
        {
            var args = new kvm_create_guest_memfd { size = bytes, flags = flags };
            long fd = _process.Ioctl(Fd, KVM_CREATE_GUEST_MEMFD, Put(&args, sizeof(kvm_create_guest_memfd)));
            if (fd >= 0)
                _files.Add((int)fd);
            return fd;
        }

        internal long SetRegion(int fd, ulong gpa, ulong bytes, ulong user, uint flags = KVM_MEM_GUEST_MEMFD, uint slot = 0)
        {
            var region = new kvm_userspace_memory_region2
            {
                slot = slot,
                flags = flags,
                guest_phys_addr = gpa,
                memory_size = bytes,
                userspace_addr = user,
                guest_memfd = (uint)fd,
            };
            return _process.Ioctl(Fd, KVM_SET_USER_MEMORY_REGION2, Put(&region, sizeof(kvm_userspace_memory_region2)));
        }

        /// <summary>Guest memory from address 0, of a guest_memfd, mapped here.</summary>
        internal Vm WithGuestMemfd(ulong flags)
        {
            MemoryFd = Check(CreateMemory(flags));
            Memory = (ulong)_process.Mmap(0, MemoryBytes, 3, 1, MemoryFd, 0);
            Check(SetRegion(MemoryFd, 0, MemoryBytes, Memory));
            return this;
        }

        /// <summary>Guest memory from address 0, private and anonymous.</summary>
        internal Vm WithOrdinaryMemory(uint flags = 0)
        {
            Memory = (ulong)_process.Mmap(0, MemoryBytes, 3, 0x22, -1, 0);
            Check(SetRegion(-1, 0, MemoryBytes, Memory, flags));
            return this;
        }

        internal Vm Start(Action<Arm64Script> write)
        {
            var script = new Arm64Script(Code);
            write(script);
            _process.Write(Memory + Code, script.Encode());
            return StartAt(Code);
        }

        internal Vm StartAt(ulong pc)
        {
            Vcpu = Check(_process.Ioctl(Fd, KVM_CREATE_VCPU, 0));
            _run = (ulong)_process.Mmap(0, PAGE_SIZE, 3, 1, Vcpu, 0);
            var init = new kvm_vcpu_init { target = KVM_ARM_TARGET_GENERIC_V8 };
            Check(_process.Ioctl(Vcpu, KVM_ARM_VCPU_INIT, Put(&init, sizeof(kvm_vcpu_init))));
            SetRegister(KVM_REG_ARM_CORE_PC, pc);
            return this;
        }

        internal void SetRegister(ulong index, ulong value) => Check(OneReg(KVM_SET_ONE_REG, index, ref value));

        internal ulong Register(ulong index)
        {
            ulong value = 0;
            Check(OneReg(KVM_GET_ONE_REG, index, ref value));
            return value;
        }

        internal long OneReg(uint ioctl, ulong index, ref ulong value)
        {
            ulong* args = stackalloc ulong[3];
            args[0] = KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | index;
            args[1] = _process.Scratch + 16;
            args[2] = value;
            long r = _process.Ioctl(Vcpu, ioctl, Put(args, 24));
            ulong copy;
            _process.Read(_process.Scratch + 16, new Span<byte>(&copy, 8));
            value = copy;
            return r;
        }

        internal long Run() => _process.Ioctl(Vcpu, KVM_RUN, 0);

        /// <summary>Runs and expects an exit.</summary>
        internal kvm_run RunTo(uint reason)
        {
            Assert.That(Run(), Is.Zero);
            kvm_run exit = Exit;
            Assert.That(exit.exit_reason, Is.EqualTo(reason));
            return exit;
        }

        /// <summary>Runs to the end of the script or a stop in it, which is a store to a device.</summary>
        internal void RunToStop()
        {
            kvm_run exit = RunTo(KVM_EXIT_MMIO);
            Assert.That((exit.mmio_phys_addr, exit.mmio_is_write), Is.EqualTo((ScriptStop.Address, (byte)1)));
        }

        /// <summary>Runs while allocations fail, from the one after the three tables that the first fault needs and the three kept for the second.</summary>
        internal void RunUntouched(UserProcess process, out long r)
        {
            process.Kernel.Failures!.FailNth("fail_page_alloc", 7, 1000);
            r = Run();
        }

        /// <summary>The first 64 pages of slot 0 in the dirty log, which is cleared by that.</summary>
        internal ulong DirtyWord(UserProcess process)
        {
            var log = new kvm_dirty_log { dirty_bitmap = process.Scratch + 64 };
            Check(process.Ioctl(Fd, KVM_GET_DIRTY_LOG, Put(&log, sizeof(kvm_dirty_log))));
            ulong word;
            process.Read(process.Scratch + 64, new Span<byte>(&word, 8));
            return word;
        }

        internal void Answer(int offset, ulong value) => _process.Write(_run + (ulong)offset, new ReadOnlySpan<byte>(&value, 8));

        internal ulong Read(ulong gpa)
        {
            ulong value;
            _process.Read(Memory + gpa, new Span<byte>(&value, 8));
            return value;
        }

        internal void Close()
        {
            if (Vcpu >= 0)
            {
                Check(_process.Munmap(_run, PAGE_SIZE));
                Check(_process.Close(Vcpu));
            }

            if (Memory != 0)
                Check(_process.Munmap(Memory, MemoryBytes));
            _files.ForEach(fd => Check(_process.Close(fd)));
            Check(_process.Close(Fd));
            Check(_process.Close(_kvm));
        }

        private ulong Put(void* data, int size)
        {
            _process.Write(_process.Scratch, new ReadOnlySpan<byte>(data, size));
            return _process.Scratch;
        }
    }
}

internal static class ScriptStop
{
    /// <summary>Where no test has memory or another device.</summary>
    internal const ulong Address = 0xfef0_0000;

    /// <summary>Gives user space the word; the next run goes on behind.</summary>
    internal static Arm64Script Stop(this Arm64Script script) => script.StoreValue(Address, 0);
}
