// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Text.RegularExpressions;
using Linux;

namespace KvmSharp.Conformance.Fuzz;

/// <summary>Something that must not happen, and did.</summary>
/// <param name="Kind">oops, crash, warning, invariant, leak or hang.</param>
/// <param name="Message">One line.</param>
/// <param name="Report">Everything that is known.</param>
public sealed partial record FuzzFailure(string Kind, string Message, string Report)
{
    /// <summary>Gets what two failures with the same cause have in common: the message without numbers.</summary>
    internal string Signature => $"{Kind}: {Numbers().Replace(Message, "#")}";

    internal static FuzzFailure From(Exception e)
    {
        Exception cause = e;
        while (cause is AggregateException { InnerExceptions.Count: > 0 } many)
            cause = many.InnerExceptions[0];
        return cause switch
        {
            FuzzFailureException failure => failure.Failure,
            KernelOops oops => new FuzzFailure(oops.Message.StartsWith("invariant ", StringComparison.Ordinal) ? "invariant" : "oops", FirstLine(oops.Message), $"{oops.Report}\n{oops}"),
            _ => new FuzzFailure("crash", $"{cause.GetType().Name}: {FirstLine(cause.Message)} {Place(cause)}", cause.ToString()),
        };
    }

    internal static string FirstLine(string text)
    {
        int end = text.IndexOf('\n', StringComparison.Ordinal);
        return end < 0 ? text : text[..end].TrimEnd();
    }

    private static string Place(Exception e)
    {
        string? frame = e.StackTrace?.Split('\n').FirstOrDefault();
        return frame is null ? string.Empty : frame.Trim();
    }

    [GeneratedRegex("0x[0-9a-f]+|[0-9]+")]
    private static partial Regex Numbers();
}

/// <summary>Carries a failure out of the simulated process that found it.</summary>
internal sealed class FuzzFailureException(FuzzFailure failure) : Exception(failure.Message)
{
    internal FuzzFailure Failure { get; } = failure;
}
