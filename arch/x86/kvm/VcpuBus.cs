// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Runtime.CompilerServices;
using KvmSharp.Arch.X86;

namespace Linux;

/// <summary>Why the guest was left in the middle of an instruction.</summary>
internal enum VcpuExit
{
    None,

    /// <summary>An errno for KVM_RUN; kvm_run may say more.</summary>
    Error,

    /// <summary>The instruction touches what is no memory: emulate it.</summary>
    Emulate,

    /// <summary>kvm_run describes a port access.</summary>
    Pio,

    /// <summary>kvm_run describes an access to a device.</summary>
    Mmio,

    /// <summary>Host work, such as a signal; go on later.</summary>
    Interrupted,
}

/// <summary>
/// What the vCPU's instructions see: the CPU's guest TLB, and behind it the guest's tables, the second-stage tables and KVM's fault handler. While
/// the guest runs, the task owns its CPU and other CPUs reach it by interrupts, which are taken at the start of every access; a fault is a VM exit,
/// its handler may sleep, and the task may come back on another CPU.
/// </summary>
/// <remarks>
/// A translation is used only until the next poll. Who takes memory away changes the entries, makes a request to each vCPU, and interrupts the CPUs
/// in guest mode: the interrupt drops the VM's translations there, and the vCPU leaves the guest before it walks again.
/// </remarks>
internal sealed unsafe class VcpuBus : X86Bus, IGuestPhysicalMemory
{
    private readonly kvm_vcpu vcpu;
    private readonly X86VcpuState state;
    private readonly X86Arch host;
    private readonly X86Kvm module;
    private readonly PhysicalMemory memory;
    private readonly uint space;

    // A signal for the task that runs the guest.
    private readonly Action<task_struct> kick;
    private Cpu cpu;
    private bool inGuest;
    private bool pioDone;
    private uint pioValue;

    internal VcpuBus(kvm_vcpu vcpu, X86VcpuState state, uint asid)
    {
        this.vcpu = vcpu;
        this.state = state;
        kvm_arch arch = arch_of(vcpu.kvm);
        module = arch.module;
        host = module.host;
        memory = host.memory;
        space = (arch.vpid_group << Tlb.SpaceBits) | (asid & 0xffff);
        cpu = host.machine.Cpus[0];
        WideAtomicLock = arch.WideAtomic;
        kick = _ => Raise(X86Attention.Poll);
    }

    internal VcpuExit Exit { get; private set; }

    /// <summary>The errno of <see cref="VcpuExit.Error"/>.</summary>
    internal int Error { get; private set; }

    internal bool InGuest => inGuest;

    /// <summary>Guest-physical address of the last second-stage fault.</summary>
    internal ulong FaultGpa { get; private set; }

    internal void ClearExit()
    {
        Exit = VcpuExit.None;
        Error = 0;
    }

    /// <summary>VM entry: takes care of requests until there is none.</summary>
    /// <returns>False: <see cref="Exit"/> says why not.</returns>
    [MightSleep]
    internal bool EnterGuest()
    {
        kvm_vcpu_arch va = arch_of(vcpu);
        while (true)
        {
            if (KvmMain.kvm_check_request(KVM_REQ_VM_DEAD, vcpu))
                return Fail(-EIO);
            int r = X86Mmu.kvm_mmu_reload(vcpu);
            if (r != 0)
                return Fail(r);
            preempt_disable();
            cpu = host.this_cpu();
            bool flush = KvmMain.kvm_check_request(KVM_REQ_TLB_FLUSH, vcpu);
            KvmMain.kvm_check_request(KVM_REQ_UNBLOCK, vcpu);
            if (va.cpu != cpu.Id)
            {
                // What this CPU remembers of the vCPU is from an earlier visit.
                va.cpu = cpu.Id;
                flush = true;
            }

            cpu.GuestTlb.Space = space;
            if (flush)
            {
                cpu.Count(HwEvent.TlbFlushLocalGuest);
                cpu.GuestTlb.InvalidateSpace(space);
            }

            module.kvm_running_vcpu[cpu.Id] = vcpu;

            // Full barrier: who makes a request later sees the mode, who made one before is seen below.
            Interlocked.Exchange(ref va.mode, IN_GUEST_MODE);
            if (!KvmMain.kvm_request_pending(vcpu))
                break;
            Volatile.Write(ref va.mode, OUTSIDE_GUEST_MODE);
            module.kvm_running_vcpu[cpu.Id] = null;
            preempt_enable();
        }

        KvmMain.kvm_vcpu_srcu_read_unlock(vcpu);
        current.KickFromGuest = kick;
        cpu.Count(HwEvent.VmEntry);
        inGuest = true;
        Raise(X86Attention.StaleFetch);
        return true;
    }

    /// <summary>VM exit.</summary>
    internal void LeaveGuest()
    {
        kvm_vcpu_arch va = arch_of(vcpu);
        inGuest = false;
        current.KickFromGuest = null;
        cpu.Count(HwEvent.VmExit);
        va.exits++;
        Interlocked.Exchange(ref va.mode, OUTSIDE_GUEST_MODE);
        module.kvm_running_vcpu[cpu.Id] = null;
        preempt_enable();
        KvmMain.kvm_vcpu_srcu_read_lock(vcpu);
    }

    internal void CountInstructions(long n) => cpu.Count(HwEvent.GuestInstruction, n);

    /// <summary>Between two slices of the guest's time: whether the host has work.</summary>
    internal bool ShouldLeave()
    {
        cpu.Poll();
        return KvmMain.kvm_request_pending(vcpu) || signal_pending(current) || Volatile.Read(ref vcpu.kvm.kernel.nr_waiting) != 0;
    }

    /// <summary>The IN that is executed again gets this answer.</summary>
    internal void CompletePortRead(uint value)
    {
        pioDone = true;
        pioValue = value;
        Raise(X86Attention.Completion);
    }

    public override byte* TryAccess(ulong gva, int size, X86Access access)
    {
        if (Exit != VcpuExit.None || (gva & ~PAGE_MASK) + (ulong)size > PAGE_SIZE)
            return null;
        cpu.Poll();
        if (cpu.GuestTlb.TryLookup(gva, Kind(access), out ulong pa))
        {
            cpu.Count(HwEvent.GuestTlbHit);
            return memory.Host(pa);
        }

        return Miss(gva, access, out byte* at) == X86BusResult.Done ? at : null;
    }

    public override X86BusResult ReadMemory(ulong gva, byte* destination, int size, X86Access access)
    {
        for (int done = 0; done < size;)
        {
            int piece = (int)Math.Min((ulong)(size - done), PAGE_SIZE - ((gva + (ulong)done) & ~PAGE_MASK));
            X86BusResult result = Translate(gva + (ulong)done, access, out byte* at);
            if (result != X86BusResult.Done)
                return result;
            Unsafe.CopyBlockUnaligned(destination + done, at, (uint)piece);
            done += piece;
        }

        return X86BusResult.Done;
    }

    public override X86BusResult WriteMemory(ulong gva, byte* source, int size, X86Access access)
    {
        int first = (int)Math.Min((ulong)size, PAGE_SIZE - (gva & ~PAGE_MASK));
        if (first == size)
        {
            X86BusResult result = Translate(gva, access, out byte* at);
            if (result == X86BusResult.Done)
                Unsafe.CopyBlockUnaligned(at, source, (uint)size);
            return result;
        }

        // Both pages before the first byte. The second translation may have taken the first away, so the first is asked again; once both
        // are in the TLB no poll comes between.
        while (true)
        {
            X86BusResult result = Translate(gva, access, out _);
            if (result != X86BusResult.Done)
                return result;
            result = Translate(gva + (ulong)first, access, out byte* second);
            if (result != X86BusResult.Done)
                return result;
            if (!cpu.GuestTlb.TryLookup(gva, Kind(access), out ulong pa))
                continue;
            Unsafe.CopyBlockUnaligned(memory.Host(pa), source, (uint)first);
            Unsafe.CopyBlockUnaligned(second, source + first, (uint)(size - first));
            return X86BusResult.Done;
        }
    }

    public override X86BusResult In(ushort port, int size, out uint value)
    {
        value = pioValue;
        if (pioDone)
            return X86BusResult.Done;
        if (Exit != VcpuExit.None)
            return X86BusResult.Exit;
        X86.PreparePortExit(vcpu, port, size, null);
        arch_of(vcpu).complete_userspace_io = complete_userspace_io_t.PIO_IN;
        Exit = VcpuExit.Pio;
        return X86BusResult.Exit;
    }

    public override X86BusResult Out(ushort port, int size, uint value)
    {
        if (Exit != VcpuExit.None)
            return X86BusResult.Exit;
        X86.PreparePortExit(vcpu, port, size, &value);
        Exit = VcpuExit.Pio;
        Raise(X86Attention.ExitRequested);
        return X86BusResult.Done;
    }

    public override X86BusResult ReadMsr(uint index, out ulong value) =>
        X86.kvm_get_msr(vcpu, index, out value) == 0 ? X86BusResult.Done : X86BusResult.GeneralProtection;

    public override X86BusResult WriteMsr(uint index, ulong value)
    {
        if (Exit != VcpuExit.None)
            return X86BusResult.Exit;

        // Some write to guest memory by way of the user mapping, which may sleep.
        LeaveGuest();
        int r = X86.kvm_set_msr(vcpu, index, value);
        if (!EnterGuest())
            return X86BusResult.Exit;
        return r == 0 ? X86BusResult.Done : X86BusResult.GeneralProtection;
    }

    public override void Cpuid(uint leaf, uint subleaf, out uint eax, out uint ebx, out uint ecx, out uint edx) =>
        X86.kvm_cpuid(vcpu, leaf, subleaf, out eax, out ebx, out ecx, out edx);

    public override ulong ReadTsc() => X86.GuestTsc(cpu);

    public override void InvalidatePage(ulong gva)
    {
        if (inGuest)
            cpu.GuestTlb.InvalidatePage(gva, space);
        Raise(X86Attention.StaleFetch);
    }

    public override void OnPagingChanged(X86VcpuState state, bool keepTlb)
    {
        if (inGuest && !keepTlb)
            cpu.GuestTlb.InvalidateSpace(space);
        else
            KvmMain.kvm_make_request(KVM_REQ_TLB_FLUSH, vcpu);
        Raise(X86Attention.StaleFetch);
    }

    public override X86BusResult OnPoll(X86VcpuState state)
    {
        if (!inGuest)
            return X86BusResult.Exit;
        cpu.Poll();
        return KvmMain.kvm_request_pending(vcpu) || signal_pending(current) ? Recycle() : X86BusResult.Done;
    }

    public override void OnRetired() => pioDone = false;

    public X86BusResult ReadEntry(ulong gpa, out ulong entry)
    {
        entry = 0;
        byte* at = Stage2(gpa, X86Access.Read, out _);
        if (at == null)
            return X86BusResult.Exit;
        entry = Volatile.Read(ref *(ulong*)at);
        return X86BusResult.Done;
    }

    public X86BusResult CompareExchangeEntry(ulong gpa, ulong expected, ulong value, out bool exchanged)
    {
        exchanged = false;
        byte* at = Stage2(gpa, X86Access.Write, out _);
        if (at == null)
            return X86BusResult.Exit;
        exchanged = Interlocked.CompareExchange(ref *(ulong*)at, value, expected) == expected;
        return X86BusResult.Done;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static AccessKind Kind(X86Access access)
    {
        bool user = (access & X86Access.User) != 0;
        if ((access & X86Access.Write) != 0)
            return user ? AccessKind.UserWrite : AccessKind.KernelWrite;
        if ((access & X86Access.Fetch) != 0)
            return user ? AccessKind.UserExecute : AccessKind.KernelExecute;
        return user ? AccessKind.UserRead : AccessKind.KernelRead;
    }

    private bool Fail(int error)
    {
        Exit = VcpuExit.Error;
        Error = error;
        return false;
    }

    /// <summary>Out of the guest for host work, and back.</summary>
    private X86BusResult Recycle()
    {
        LeaveGuest();
        if (signal_pending(current))
        {
            Exit = VcpuExit.Interrupted;
            return X86BusResult.Exit;
        }

        cond_resched();
        return EnterGuest() ? X86BusResult.Done : X86BusResult.Exit;
    }

    private X86BusResult Translate(ulong gva, X86Access access, out byte* at)
    {
        at = null;
        if (Exit != VcpuExit.None)
            return X86BusResult.Exit;
        cpu.Poll();
        if (cpu.GuestTlb.TryLookup(gva, Kind(access), out ulong pa))
        {
            cpu.Count(HwEvent.GuestTlbHit);
            at = memory.Host(pa);
            return X86BusResult.Done;
        }

        return Miss(gva, access, out at);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private X86BusResult Miss(ulong gva, X86Access access, out byte* at)
    {
        at = null;
        cpu.Count(HwEvent.GuestTlbMiss);
        if (KvmMain.kvm_request_pending(vcpu))
        {
            X86BusResult cycled = Recycle();
            if (cycled != X86BusResult.Done)
                return cycled;
        }

        X86PagingContext context = X86PagingContext.Of(state);
        X86BusResult result = X86GuestWalker.Walk(in context, gva, access, this, out X86Translation t, out uint error);
        if (result != X86BusResult.Done)
        {
            if (result == X86BusResult.PageFault)
            {
                cpu.Count(HwEvent.PageFault);
                FaultAddress = gva;
                FaultErrorCode = error;
            }

            return result;
        }

        at = Stage2(t.Gpa, access, out WalkResult r);
        if (at == null)
            return X86BusResult.Exit;

        TlbPermissions can = Permissions(in t, access, r.Permissions);
        if (can != TlbPermissions.None)
            cpu.GuestTlb.Insert(gva, r.Physical, Math.Min(t.PageShift, r.Shift), can);
        return X86BusResult.Done;
    }

    // What of the two stages' rights is known to hold for later accesses as well.
    private TlbPermissions Permissions(in X86Translation t, X86Access access, TlbPermissions second)
    {
        bool user = (access & X86Access.User) != 0;
        bool kernelData = t.Supervisor || (state.Cr4 & X86Control.Cr4Smap) == 0;
        TlbPermissions can = TlbPermissions.None;
        if (kernelData && !user)
            can |= TlbPermissions.KernelRead;
        if (!t.Supervisor)
            can |= TlbPermissions.UserRead;
        if (t.WritableAndDirty && (second & (TlbPermissions.KernelWrite | TlbPermissions.Dirty)) == (TlbPermissions.KernelWrite | TlbPermissions.Dirty))
        {
            if (kernelData && !user)
                can |= TlbPermissions.KernelWrite | TlbPermissions.Dirty;
            if (!t.Supervisor && (user || (state.Cr0 & X86Control.Cr0Wp) != 0))
                can |= TlbPermissions.UserWrite | TlbPermissions.Dirty;
        }

        if ((access & X86Access.Fetch) != 0)
            can |= user ? TlbPermissions.UserExecute : TlbPermissions.KernelExecute;
        return can;
    }

    /// <summary>Host address behind a guest-physical one, by way of KVM's handler until there is one; null to leave the guest.</summary>
    private byte* Stage2(ulong gpa, X86Access access, out WalkResult r)
    {
        AccessKind kind = Kind(access & ~X86Access.User);
        while (true)
        {
            bool found = host.machine.Stage2.Walk(arch_of(vcpu).root!.spt, gpa, kind, true, out r);
            cpu.Count(HwEvent.PageTableWalk);
            cpu.Count(HwEvent.WalkStep, r.Steps);
            if (found)
                return memory.Host(r.Physical);

            cpu.Count(HwEvent.TdpFault);
            ulong error_code = PFERR_GUEST_FINAL_MASK;
            if ((access & X86Access.Write) != 0)
                error_code |= PFERR_WRITE_MASK;
            if ((access & X86Access.Fetch) != 0)
                error_code |= PFERR_FETCH_MASK;
            if (r.Fault.Cause == FaultCause.Reserved)
                error_code = PFERR_RSVD_MASK;
            else if (r.Fault.Cause == FaultCause.Permission)
                error_code |= PFERR_PRESENT_MASK;
            FaultGpa = gpa;
            if (!HandleFault(gpa, error_code))
                return null;
        }
    }

    private bool HandleFault(ulong gpa, ulong error_code)
    {
        LeaveGuest();
        int r = X86Mmu.kvm_mmu_page_fault(vcpu, gpa, error_code);
        if (r < 0)
            return Fail(r);
        if (r == RET_PF.EMULATE)
        {
            Exit = VcpuExit.Emulate;
            return false;
        }

        if (signal_pending(current))
        {
            Exit = VcpuExit.Interrupted;
            return false;
        }

        cond_resched();
        return EnterGuest();
    }
}
