// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Buffers.Binary;
using System.Text;

namespace KvmSharp.Arch.Arm64;

/// <summary>What one step of a script does. The numbers are part of the encoding.</summary>
public enum Arm64ScriptOp : byte
{
    /// <summary>No step; executing it stops the vCPU with KVM_EXIT_INTERNAL_ERROR. All zero, so that running into empty memory is found.</summary>
    None = 0,

    /// <summary>Register = value.</summary>
    Move = 1,

    /// <summary>Register = memory at address.</summary>
    Load = 2,

    /// <summary>Memory at address = register.</summary>
    Store = 3,

    /// <summary>Memory at address = value.</summary>
    StoreValue = 4,

    /// <summary>Stores <c>a ^ value</c> to each 8-byte word a = address + n * stride, n below count.</summary>
    Fill = 5,

    /// <summary>Loads each of those words and adds the number of those that differ to the register.</summary>
    Verify = 6,

    /// <summary>Goes to address.</summary>
    Branch = 7,

    /// <summary>Goes to address if the register is not value.</summary>
    BranchIfNot = 8,

    /// <summary>Hypervisor call: function number in x0, arguments in x1 to x5, result in x0.</summary>
    Hvc = 9,

    /// <summary>Wait for interrupt. There are none, so it leaves to the monitor with KVM_EXIT_HLT.</summary>
    Wfi = 10,

    /// <summary>Exceptions go to address from now on, with the faulting address in x29 and the address of the step in x30.</summary>
    SetVector = 11,
}

/// <summary>
/// A program for a scripted arm64 vCPU: a list of memory accesses and calls in place of instructions. It is encoded into guest memory, 32 bytes
/// a step, little-endian (operation 0, access size 1, register 2, count 4..7, address 8..15, value 16..23, stride 24..31), and is fetched from
/// there through the second stage like everything else that the vCPU touches. The guest's own translation is off: addresses are guest-physical.
/// Each load and store is one access, naturally aligned by the writer of the script or not, but never across a page.
/// </summary>
public sealed class Arm64Script
{
    /// <summary>Bytes of a step.</summary>
    public const int StepBytes = 32;

    /// <summary>Number of registers, x0 to x30.</summary>
    public const int Registers = 31;

    private readonly List<byte[]> _steps = [];

    /// <summary>Makes an empty script.</summary>
    /// <param name="address">Guest-physical address that it will be put at, a multiple of 32, so that branches know where they go.</param>
    public Arm64Script(ulong address)
    {
        if (address % StepBytes != 0)
            throw new ArgumentException($"0x{address:x} is not a multiple of {StepBytes}", nameof(address));
        Address = address;
    }

    /// <summary>Gets where the script starts.</summary>
    public ulong Address { get; }

    /// <summary>Gets where the next step will be.</summary>
    public ulong Here => Address + ((ulong)_steps.Count * StepBytes);

    /// <summary>Register = value.</summary>
    public Arm64Script Move(int register, ulong value) => Add(Arm64ScriptOp.Move, register, value: value);

    /// <summary>Register = memory; size is 1, 2, 4 or 8 bytes, the rest of the register is zero.</summary>
    public Arm64Script Load(int register, ulong address, int size = 8) => Add(Arm64ScriptOp.Load, register, size, address);

    /// <summary>Memory = register.</summary>
    public Arm64Script Store(int register, ulong address, int size = 8) => Add(Arm64ScriptOp.Store, register, size, address);

    /// <summary>Memory = value.</summary>
    public Arm64Script StoreValue(ulong address, ulong value, int size = 8) => Add(Arm64ScriptOp.StoreValue, 0, size, address, value);

    /// <summary>Stores <c>a ^ pattern</c> to every word a of a range.</summary>
    public Arm64Script Fill(ulong address, uint count, ulong stride, ulong pattern) =>
        Add(Arm64ScriptOp.Fill, 0, 8, address, pattern, count, stride);

    /// <summary>Loads every word of a range and adds the number of wrong ones to a register.</summary>
    public Arm64Script Verify(int register, ulong address, uint count, ulong stride, ulong pattern) =>
        Add(Arm64ScriptOp.Verify, register, 8, address, pattern, count, stride);

    /// <summary>Goes elsewhere.</summary>
    public Arm64Script Branch(ulong address) => Add(Arm64ScriptOp.Branch, address: address);

    /// <summary>Goes elsewhere unless the register has the value.</summary>
    public Arm64Script BranchIfNot(int register, ulong value, ulong address) => Add(Arm64ScriptOp.BranchIfNot, register, address: address, value: value);

    /// <summary>Hypervisor call.</summary>
    public Arm64Script Hvc() => Add(Arm64ScriptOp.Hvc);

    /// <summary>Wait for interrupt.</summary>
    public Arm64Script Wfi() => Add(Arm64ScriptOp.Wfi);

    /// <summary>Where exceptions go.</summary>
    public Arm64Script SetVector(ulong address) => Add(Arm64ScriptOp.SetVector, address: address);

    /// <summary>Prints: one store of a byte for each character.</summary>
    public Arm64Script Print(ulong uart, string text)
    {
        foreach (byte b in Encoding.Latin1.GetBytes(text))
            StoreValue(uart, b, 1);
        return this;
    }

    /// <summary>The bytes to put at <see cref="Address"/>.</summary>
    public byte[] Encode()
    {
        byte[] bytes = new byte[_steps.Count * StepBytes];
        for (int i = 0; i < _steps.Count; i++)
            _steps[i].CopyTo(bytes, i * StepBytes);
        return bytes;
    }

    private Arm64Script Add(
        Arm64ScriptOp op, int register = 0, int size = 8, ulong address = 0, ulong value = 0, uint count = 0, ulong stride = 0)
    {
        if (register is < 0 or >= Registers)
            throw new ArgumentOutOfRangeException(nameof(register), register, "there are x0 to x30");
        if (size is not (1 or 2 or 4 or 8))
            throw new ArgumentOutOfRangeException(nameof(size), size, "an access has 1, 2, 4 or 8 bytes");
        byte[] step = new byte[StepBytes];
        step[0] = (byte)op;
        step[1] = (byte)size;
        step[2] = (byte)register;
        BinaryPrimitives.WriteUInt32LittleEndian(step.AsSpan(4), count);
        BinaryPrimitives.WriteUInt64LittleEndian(step.AsSpan(8), address);
        BinaryPrimitives.WriteUInt64LittleEndian(step.AsSpan(16), value);
        BinaryPrimitives.WriteUInt64LittleEndian(step.AsSpan(24), stride);
        _steps.Add(step);
        return this;
    }
}
