// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using KvmSharp.Arch.Arm64;

namespace Linux;

/// <summary>Why a scripted vCPU left the guest.</summary>
internal enum Arm64Exit
{
    /// <summary>Nothing in particular: its slice is over.</summary>
    Budget,

    /// <summary>The second stage faulted; the vCPU's fault info says how.</summary>
    Abort,
    Hvc,
    Wfi,

    /// <summary>The step has no meaning.</summary>
    Undefined,
}

/// <summary>Executes an <see cref="Arm64Script"/>. Every step fetched, every byte loaded or stored goes through the second stage of the CPU it runs on.</summary>
internal sealed unsafe class Arm64ScriptCpu
{
    // Words that the current Fill or Verify is through with.
    private uint _progress;

    /// <summary>Runs until something needs the hypervisor. The state is such that the step that faulted is tried again.</summary>
    internal Arm64Exit Run(kvm_vcpu owner, arm64_kvm_vcpu_arch vcpu, Cpu cpu, int budget)
    {
        int all = budget;
        Arm64Exit exit = Arm64Exit.Budget;
        while (exit == Arm64Exit.Budget && !KvmMain.kvm_request_pending(owner) && budget-- > 0)
            exit = Step(vcpu, cpu, ref budget);
        cpu.Count(HwEvent.GuestInstruction, all - Math.Max(budget, 0));
        return exit;
    }

    /// <summary>The access that left for user space is done; <paramref name="data"/> is what a load got.</summary>
    internal void Complete(arm64_kvm_vcpu_arch vcpu, ulong data)
    {
        ref kvm_vcpu_fault_info fault = ref vcpu.fault;
        switch ((Arm64ScriptOp)fault.srt)
        {
            case Arm64ScriptOp.Load:
                vcpu.regs[(int)fault.data] = data;
                Next(vcpu);
                break;
            case Arm64ScriptOp.Fill:
            case Arm64ScriptOp.Verify:
                // fault.data of a Verify is its register and what it expects cannot be known any more: a device is never right.
                if ((Arm64ScriptOp)fault.srt == Arm64ScriptOp.Verify)
                    vcpu.regs[(int)fault.data]++;
                _progress++;
                break;
            default:
                Next(vcpu);
                break;
        }
    }

    /// <summary>Skips to the exception vector.</summary>
    internal void TakeException(arm64_kvm_vcpu_arch vcpu, ulong far)
    {
        vcpu.regs[29] = far;
        vcpu.regs[30] = vcpu.pc;
        vcpu.pc = vcpu.vbar;
        _progress = 0;
    }

    /// <summary>The step at the program counter is done.</summary>
    internal void Next(arm64_kvm_vcpu_arch vcpu)
    {
        vcpu.pc += Arm64Script.StepBytes;
        _progress = 0;
    }

    private static bool Translate(arm64_kvm_vcpu_arch vcpu, Cpu cpu, ulong address, AccessKind kind, out byte* host)
    {
        if (cpu.TryTranslateGuest(vcpu.guest, address, kind, out ulong pa, out WalkFault walk))
        {
            host = cpu.Machine.Memory.Host(pa);
            return true;
        }

        host = null;
        vcpu.fault = new kvm_vcpu_fault_info
        {
            cause = walk.Stage2Cause,
            is_iabt = kind == AccessKind.KernelExecute,
            is_write = kind == AccessKind.KernelWrite,
            fault_ipa = walk.Stage2Address & PAGE_MASK,
            far = address,
        };
        return false;
    }

    private Arm64Exit Step(arm64_kvm_vcpu_arch vcpu, Cpu cpu, ref int budget)
    {
        if (vcpu.pc % Arm64Script.StepBytes != 0)
            return Arm64Exit.Undefined;
        if (!Translate(vcpu, cpu, vcpu.pc, AccessKind.KernelExecute, out byte* at))
            return Arm64Exit.Abort;
        var op = (Arm64ScriptOp)at[0];
        int size = at[1];
        int register = at[2];
        uint count = *(uint*)(at + 4);
        ulong address = *(ulong*)(at + 8);
        ulong value = *(ulong*)(at + 16);
        ulong stride = *(ulong*)(at + 24);
        if (register >= Arm64Script.Registers)
            return Arm64Exit.Undefined;
        switch (op)
        {
            case Arm64ScriptOp.Move:
                vcpu.regs[register] = value;
                break;
            case Arm64ScriptOp.Load:
            {
                ulong data = 0;
                Arm64Exit exit = Access(vcpu, cpu, op, address, size, false, ref data, (ulong)register);
                if (exit != Arm64Exit.Budget)
                    return exit;
                vcpu.regs[register] = data;
                break;
            }

            case Arm64ScriptOp.Store:
            case Arm64ScriptOp.StoreValue:
            {
                ulong data = op == Arm64ScriptOp.Store ? vcpu.regs[register] : value;
                Arm64Exit exit = Access(vcpu, cpu, op, address, size, true, ref data, data);
                if (exit != Arm64Exit.Budget)
                    return exit;
                break;
            }

            case Arm64ScriptOp.Fill:
            case Arm64ScriptOp.Verify:
                return Words(vcpu, cpu, op, register, count, address, value, stride, ref budget);
            case Arm64ScriptOp.Branch:
                vcpu.pc = address;
                return Arm64Exit.Budget;
            case Arm64ScriptOp.BranchIfNot:
                if (vcpu.regs[register] == value)
                    break;
                vcpu.pc = address;
                return Arm64Exit.Budget;
            case Arm64ScriptOp.Hvc:
                Next(vcpu);
                return Arm64Exit.Hvc;
            case Arm64ScriptOp.Wfi:
                Next(vcpu);
                return Arm64Exit.Wfi;
            case Arm64ScriptOp.SetVector:
                vcpu.vbar = address;
                break;
            default:
                return Arm64Exit.Undefined;
        }

        Next(vcpu);
        return Arm64Exit.Budget;
    }

    private Arm64Exit Words(
        arm64_kvm_vcpu_arch vcpu, Cpu cpu, Arm64ScriptOp op, int register, uint count, ulong address, ulong pattern, ulong stride, ref int budget)
    {
        bool write = op == Arm64ScriptOp.Fill;
        for (; _progress < count; _progress++)
        {
            if (budget-- <= 0)
                return Arm64Exit.Budget;
            ulong word = address + (_progress * stride);
            ulong expected = word ^ pattern;
            ulong data = expected;
            Arm64Exit exit = Access(vcpu, cpu, op, word, 8, write, ref data, write ? data : (ulong)register);
            if (exit != Arm64Exit.Budget)
                return exit;
            if (data != expected)
                vcpu.regs[register]++;
        }

        Next(vcpu);
        return Arm64Exit.Budget;
    }

    private static Arm64Exit Access(
        arm64_kvm_vcpu_arch vcpu, Cpu cpu, Arm64ScriptOp op, ulong address, int size, bool write, ref ulong data, ulong syndrome)
    {
        if (size is not (1 or 2 or 4 or 8) || (address & ~PAGE_MASK) + (ulong)size > PAGE_SIZE)
            return Arm64Exit.Undefined;
        if (!Translate(vcpu, cpu, address, write ? AccessKind.KernelWrite : AccessKind.KernelRead, out byte* host))
        {
            vcpu.fault.size = size;
            vcpu.fault.srt = (int)op;
            vcpu.fault.data = syndrome;
            return Arm64Exit.Abort;
        }

        switch (size, write)
        {
            case (1, true):
                *host = (byte)data;
                break;
            case (2, true):
                *(ushort*)host = (ushort)data;
                break;
            case (4, true):
                *(uint*)host = (uint)data;
                break;
            case (8, true):
                Volatile.Write(ref *(ulong*)host, data);
                break;
            default:
                data = size switch
                {
                    1 => *host,
                    2 => *(ushort*)host,
                    4 => *(uint*)host,
                    _ => Volatile.Read(ref *(ulong*)host),
                };
                break;
        }

        return Arm64Exit.Budget;
    }
}
