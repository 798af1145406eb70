// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
namespace KvmSharp.Tools;

/// <summary>What the exit status says; part of the command line's contract.</summary>
internal static class ExitCodes
{
    /// <summary>Everything was fine.</summary>
    internal const int Fine = 0;

    /// <summary>A divergence, a violation or a failure was found.</summary>
    internal const int Found = 1;

    /// <summary>Bad usage or bad input; one line on the standard error says which.</summary>
    internal const int BadInput = 2;
}

/// <summary>Input that a command refuses. The message is the one line that the user sees.</summary>
internal sealed class BadInputException : Exception
{
    internal BadInputException(string message)
        : base(message)
    {
    }
}
