// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Diagnostics.CodeAnalysis;

namespace Linux;

/// <summary>What a task is about to do at a scheduling point.</summary>
internal enum SchedulingPoint
{
    Acquire,
    Acquired,
    Release,
    Wait,
    Wake,
    Atomic,
    RcuRead,
    RcuUnlock,
    RcuSynchronize,
    Enter,
    Exit,
    Yield,
}

/// <summary>
/// Owns the schedule while interleavings are explored. Exactly one attached task runs at a time; every call below is made by the running task on its
/// own thread and returns when the explorer lets this task go on.
/// </summary>
internal interface IExplorer
{
    /// <summary>The task may be preempted here.</summary>
    void Point(task_struct task, SchedulingPoint kind, object? target);

    /// <summary>The task spins and cannot get on before another task has run.</summary>
    void Spin(task_struct task, object? target);

    /// <summary>The task has nothing to do until somebody calls <see cref="Unpark"/> for it. May return early; the caller checks again.</summary>
    void Park(task_struct task);

    /// <summary>Makes a parked task runnable; called by the running task, or by a host thread that starts a task.</summary>
    void Unpark(task_struct task);

    /// <summary>First call on the thread of a new task; returns when the task is first scheduled.</summary>
    void Started(task_struct task);

    /// <summary>Last call on the thread of a task.</summary>
    void Exited(task_struct task);
}

/// <summary>
/// The hook behind every primitive. With the switch KvmSharp.Exploration off <see cref="IsSupported"/> is a constant false for the JIT, and the hook
/// with the evaluation of its arguments disappears from the code.
/// </summary>
internal static class SchedulingPoints
{
    [FeatureSwitchDefinition("KvmSharp.Exploration")]
    internal static bool IsSupported { get; } = AppContext.TryGetSwitch("KvmSharp.Exploration", out bool on) && on;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Hit(task_struct task, SchedulingPoint kind, object? target)
    {
        if (IsSupported)
            task.kernel.Explorer?.Point(task, kind, target);
    }

    /// <summary>A scheduling point of an operation that has no task at hand, such as an atomic.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Hit(SchedulingPoint kind, object? target = null)
    {
        if (IsSupported && CurrentH.CurrentOrNull is { } task)
            task.kernel.Explorer?.Point(task, kind, target);
    }
}
