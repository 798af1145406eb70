// SPDX-License-Identifier: GPL-2.0-only
// Mirrors include/linux/rcupdate.h, Linux 6.18.
namespace Linux;

internal static class RcupdateH
{
    /// <summary>Starts a read-side section; nests. What is read inside stays until the outermost one ends.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void rcu_read_lock([CallerMemberName] string function = "", [CallerLineNumber] int line = 0)
    {
        task_struct task = current;
        SchedulingPoints.Hit(task, SchedulingPoint.RcuRead, null);
        if (task.rcu_read_lock_nesting++ == 0)
        {
            // No barrier here: synchronize_rcu() puts one into every thread.
            Volatile.Write(ref task.rcu_gp_seq, Volatile.Read(ref task.kernel.rcu.gp_seq));
        }

        if (task.lockdep is not null)
            task.lockdep.Acquire(task.kernel.rcu.map, 0, trylock: true, LockMode.SharedRecursive, function, line);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void rcu_read_unlock()
    {
        task_struct task = current;
        if (task.lockdep is not null)
            task.lockdep.Release(task.kernel.rcu.map);
        if (--task.rcu_read_lock_nesting <= 0)
        {
            Volatile.Write(ref task.rcu_gp_seq, 0);
            if (task.rcu_read_lock_nesting < 0 || Volatile.Read(ref task.kernel.rcu.waiters) != 0)
                Tree.rcu_read_unlock_special(task);
        }

        SchedulingPoints.Hit(task, SchedulingPoint.RcuUnlock, null);
    }

    internal static bool rcu_read_lock_held() => current.rcu_read_lock_nesting != 0;

    /// <summary>Reads a pointer that rcu_assign_pointer() publishes; warns outside a read-side section.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static T? rcu_dereference<T>(ref T? p)
        where T : class
    {
        SchedulingPoints.Hit(SchedulingPoint.Atomic);
        if (current.lockdep is not null)
            WARN_ON_ONCE(current.rcu_read_lock_nesting == 0, "suspicious rcu_dereference() usage");
        return Volatile.Read(ref p);
    }

    /// <summary>Reads such a pointer where something else, named by the condition, keeps it from changing.</summary>
    internal static T? rcu_dereference_protected<T>(ref T? p, bool c, [CallerArgumentExpression(nameof(c))] string expression = "")
        where T : class
    {
        if (current.lockdep is not null)
            WARN_ON_ONCE(!c, expression);
        return p;
    }

    internal static T? rcu_dereference_check<T>(ref T? p, bool c, [CallerArgumentExpression(nameof(c))] string expression = "")
        where T : class
    {
        SchedulingPoints.Hit(SchedulingPoint.Atomic);
        if (current.lockdep is not null)
            WARN_ON_ONCE(!c && current.rcu_read_lock_nesting == 0, expression);
        return Volatile.Read(ref p);
    }

    internal static T? rcu_access_pointer<T>(ref T? p)
        where T : class => Volatile.Read(ref p);

    /// <summary>Publishes an object: whoever sees the pointer sees what was written to the object before.</summary>
    internal static void rcu_assign_pointer<T>(ref T? p, T? v)
        where T : class
    {
        SchedulingPoints.Hit(SchedulingPoint.Atomic);
        Volatile.Write(ref p, v);
    }
}
