// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
namespace KvmSharp.Conformance;

/// <summary>The host cannot do what is asked of it: something is missing, or the agent died or hung.</summary>
public sealed class HostException : Exception
{
    internal HostException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }
}
