// SPDX-License-Identifier: GPL-2.0-only
// Mirrors kernel/locking/lockdep.c, Linux 6.18.
using System.Text;

namespace Linux;

internal enum LockMode : byte
{
    Exclusive,
    Shared,
}

/// <summary>All locks made at one place under one name.</summary>
internal sealed class lock_class
{
    internal lock_class(int id, string name, string file, int line)
    {
        this.Id = id;
        this.Name = name;
        this.File = file;
        this.Line = line;
    }

    internal int Id { get; }

    internal string Name { get; }

    internal string File { get; }

    internal int Line { get; }
}

/// <summary>One lock a task holds, and where it took it.</summary>
internal struct held_lock
{
    internal lockdep_map instance;
    internal int subclass;
    internal LockMode mode;
    internal bool trylock;
    internal string function;
    internal int line;
}

/// <summary>The held-lock stack of one task.</summary>
internal sealed class HeldLocks
{
    internal const int MAX_LOCK_DEPTH = 48;

    private readonly task_struct task;
    private readonly LockdepState state;
    private readonly held_lock[] held = new held_lock[MAX_LOCK_DEPTH];
    private int depth;

    internal HeldLocks(task_struct task, LockdepState state)
    {
        this.task = task;
        this.state = state;
    }

    internal int Depth => this.depth;

    internal void Acquire(lockdep_map map, int subclass, bool trylock, LockMode mode, string function, int line)
    {
        if (!this.task.OnCpu)
            throw new KernelOops($"{this.task} takes {map.name} in {function}() while it is in user mode: it must enter the kernel first");
        if (this.depth == MAX_LOCK_DEPTH)
            throw new KernelOops($"BUG: MAX_LOCK_DEPTH too low: {this.task} takes {map.name} in {function}()");
        ref held_lock h = ref this.held[this.depth++];
        h.instance = map;
        h.subclass = subclass;
        h.trylock = trylock;
        h.mode = mode;
        h.function = function;
        h.line = line;
    }

    internal void Release(lockdep_map map)
    {
        for (int i = this.depth - 1; i >= 0; i--)
        {
            if (!ReferenceEquals(this.held[i].instance, map))
                continue;
            Array.Copy(this.held, i + 1, this.held, i, this.depth - i - 1);
            this.held[--this.depth] = default;
            return;
        }

        this.task.kernel.AddWarning(KernelOops.Compose(
            $"WARNING: bad unlock balance detected! {this.task} is trying to release {map.name}, but it does not hold it", this.task,
            Environment.StackTrace));
    }

    internal void Downgrade(lockdep_map map)
    {
        int i = this.Find(map);
        if (i >= 0)
            this.held[i].mode = LockMode.Shared;
    }

    internal bool IsHeld(lockdep_map map) => this.Find(map) >= 0;

    internal bool IsHeld(lockdep_map map, LockMode mode)
    {
        int i = this.Find(map);
        return i >= 0 && this.held[i].mode == mode;
    }

    internal void AssertHeld(lockdep_map map, LockMode? mode, string function, string file, int line)
    {
        int i = this.Find(map);
        if (i < 0 || (mode is { } wanted && this.held[i].mode != wanted))
            this.task.kernel.Warn($"lockdep_assert_held({map.name}{(mode is null ? string.Empty : ", " + mode)})", function, file, line, once: true);
    }

    internal void AssertNotHeld(lockdep_map map, string function, string file, int line)
    {
        if (this.IsHeld(map))
            this.task.kernel.Warn($"lockdep_assert_not_held({map.name})", function, file, line, once: true);
    }

    internal void ReturnToUser()
    {
        if (this.depth == 0)
            return;
        var text = new StringBuilder();
        text.Append($"WARNING: lock held when returning to user space!\n{this.task} is leaving the kernel with locks still held!\n");
        this.Describe(text);
        this.depth = 0;
        this.task.kernel.AddWarning(text.ToString());
    }

    internal void Describe(StringBuilder text)
    {
        text.Append($"{this.depth} lock(s) held by {this.task}:\n");
        for (int i = 0; i < this.depth; i++)
        {
            held_lock h = this.held[i];
            text.Append($" #{i}: ({h.instance.name}{(h.subclass == 0 ? string.Empty : "/" + h.subclass)}){{{h.mode}}}, at: {h.function}():{h.line}\n");
        }
    }

    private int Find(lockdep_map map)
    {
        for (int i = this.depth - 1; i >= 0; i--)
        {
            if (ReferenceEquals(this.held[i].instance, map))
                return i;
        }

        return -1;
    }
}

/// <summary>The lock classes of one kernel.</summary>
internal sealed class LockdepState
{
    private readonly Kernel kernel;

    internal LockdepState(Kernel kernel)
    {
        this.kernel = kernel;
    }

    internal Kernel Kernel => this.kernel;
}

internal sealed partial class Kernel
{
    internal LockdepState Lockdep { get; }
}

internal sealed partial class task_struct
{
    /// <summary>The locks the task holds; null while lockdep is off.</summary>
    internal readonly HeldLocks? lockdep;
}

internal static class Lockdep
{
    /// <summary>Takes a pseudo lock, such as the read side of RCU or SRCU, that has no type of its own.</summary>
    internal static void lock_acquire(lockdep_map @lock, int subclass, bool trylock, LockMode mode, [CallerMemberName] string function = "",
        [CallerLineNumber] int line = 0) => current.lockdep?.Acquire(@lock, subclass, trylock, mode, function, line);

    internal static void lock_release(lockdep_map @lock) => current.lockdep?.Release(@lock);

    /// <summary>Complains about a lock whose memory goes away while somebody holds it.</summary>
    internal static void debug_check_no_locks_freed(lockdep_map @lock)
    {
        task_struct task = current;
        if (task.lockdep is { } held && held.IsHeld(@lock))
            task.kernel.AddWarning(KernelOops.Compose($"WARNING: held lock freed! {task} frees {@lock.name} while it holds it", task, null));
    }

    internal static void debug_show_held_locks(task_struct task) => task.kernel.Log(task.DescribeHeldLocks());
}
