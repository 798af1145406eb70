// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
namespace Linux;

/// <summary>
/// Loads and stores of a simulated program: user mode on a CPU of the current task, through its MMU. A refused access queues a signal,
/// which is delivered before the call returns, so a handler (<see cref="task_struct.SignalHandler"/>) has run, or
/// <see cref="SignalDelivered"/> is thrown. Called in user mode.
/// </summary>
internal static unsafe class UserMemory
{
    /// <summary>Loads bytes in ascending order.</summary>
    /// <returns>Bytes loaded before a fault that was not resolved.</returns>
    [MightSleep]
    internal static int Load(ulong va, Span<byte> data)
    {
        fixed (byte* to = data)
            return (int)Run(va, (ulong)data.Length, to, AccessKind.UserRead, 0, default);
    }

    /// <summary>Stores bytes in ascending order. What was stored before a fault stays.</summary>
    /// <returns>Bytes stored before a fault that was not resolved.</returns>
    [MightSleep]
    internal static int Store(ulong va, ReadOnlySpan<byte> data)
    {
        fixed (byte* from = data)
            return (int)Run(va, (ulong)data.Length, from, AccessKind.UserWrite, 0, default);
    }

    /// <summary>Stores one value over a range.</summary>
    [MightSleep]
    internal static ulong Fill(ulong va, ulong length, byte value) => Run(va, length, null, AccessKind.UserWrite, value, default);

    /// <summary>Loads a range and reports how many of its bytes are not 0 and the sum of all.</summary>
    [MightSleep]
    internal static ulong Scan(ulong va, ulong length, out ulong nonzero, out ulong sum)
    {
        var totals = default(ScanTotals);
        ulong done = Run(va, length, null, AccessKind.UserRead, 0, &totals);
        nonzero = totals.NonZero;
        sum = totals.Sum;
        return done;
    }

    /// <summary>Fetches a byte as an instruction would be.</summary>
    [MightSleep]
    internal static bool Fetch(ulong va)
    {
        byte ignored;
        return Run(va, 1, &ignored, AccessKind.UserExecute, 0, default) == 1;
    }

    [MightSleep]
    private static ulong Run(ulong va, ulong length, byte* buffer, AccessKind kind, byte value, ScanTotals* totals)
    {
        task_struct task = current;
        task.EnterKernel();
        ulong done = 0;
        try
        {
            while (done < length)
            {
                byte* p = task.rq.hw.TryAccess(va + done, kind, out WalkFault fault);
                if (p == null)
                {
                    if (!UserFault.Handle(task, fault.Address, kind == AccessKind.UserWrite, kind == AccessKind.UserExecute, user: true))
                        break;
                    continue;
                }

                ulong chunk = Math.Min(length - done, PAGE_SIZE - ((va + done) & ~PAGE_MASK));
                if (kind != AccessKind.UserWrite)
                {
                    if (totals != null)
                        Add(totals, new ReadOnlySpan<byte>(p, (int)chunk));
                    else
                        Buffer.MemoryCopy(p, buffer + done, chunk, chunk);
                }
                else if (buffer != null)
                {
                    Buffer.MemoryCopy(buffer + done, p, chunk, chunk);
                }
                else
                {
                    new Span<byte>(p, (int)chunk).Fill(value);
                }

                done += chunk;
            }
        }
        finally
        {
            task.ExitToUser();
        }

        return done;
    }

    private static void Add(ScanTotals* totals, ReadOnlySpan<byte> bytes)
    {
        foreach (byte b in bytes)
        {
            totals->Sum += b;
            totals->NonZero += b != 0 ? 1UL : 0;
        }
    }

    private struct ScanTotals
    {
        internal ulong NonZero;
        internal ulong Sum;
    }
}
