// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

namespace KvmSharp.Machine;

/// <summary>The simulated machine cannot do what was asked: the host refused memory, a rule of the hardware was broken, or an input file is bad.</summary>
public class MachineException : Exception
{
    /// <summary>Makes an exception with one clear line.</summary>
    /// <param name="message">What is wrong and, where it helps, what would be right.</param>
    public MachineException(string message)
        : base(message)
    {
    }

    /// <summary>Makes an exception with one clear line and its cause.</summary>
    /// <param name="message">What is wrong.</param>
    /// <param name="inner">The cause.</param>
    public MachineException(string message, Exception inner)
        : base(message, inner)
    {
    }
}

/// <summary>The host cannot back the simulated machine with memory.</summary>
public sealed class MachineOutOfMemoryException(string message) : MachineException(message);

/// <summary>A physical access left RAM: a hole, or an address beyond the end.</summary>
public sealed class BusErrorException(ulong address, ulong length)
    : MachineException($"bus error: physical range 0x{address:x}+0x{length:x} is not RAM")
{
    /// <summary>Gets the first physical byte address of the access.</summary>
    public ulong Address { get; } = address;

    /// <summary>Gets the number of bytes of the access.</summary>
    public ulong Length { get; } = length;
}
