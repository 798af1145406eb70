// SPDX-License-Identifier: GPL-2.0-only
// Mirrors kernel/fork.c, Linux 6.18.
namespace Linux;

internal sealed partial class task_struct
{
    /// <summary>The address space; null for kernel threads. Changed by the task itself.</summary>
    internal mm_struct? mm;

    /// <summary>Memory policy of what this task allocates.</summary>
    internal mempolicy? mempolicy;
}

internal static class Fork
{
    /// <summary>A new, empty address space with one user.</summary>
    /// <returns>Null without memory.</returns>
    [MustCheck]
    [MightSleep]
    [ReturnsReference]
    internal static mm_struct? mm_alloc(Kernel kernel)
    {
        if (should_fail(kernel, "mm_struct"))
            return null;
        return mm_init(new mm_struct(kernel));
    }

    internal static void mmgrab(mm_struct mm) => Interlocked.Increment(ref mm.mm_count);

    /// <summary>Drops a reference to the structure; the last one frees the top page table.</summary>
    internal static void mmdrop(mm_struct mm)
    {
        int count = Interlocked.Decrement(ref mm.mm_count);
        BUG_ON(count < 0);
        if (count == 0)
            __mmdrop(mm);
    }

    internal static void mmget([AcquiresReference] mm_struct mm) => Interlocked.Increment(ref mm.mm_users);

    [MustCheck]
    internal static bool mmget_not_zero(mm_struct mm)
    {
        int users = Volatile.Read(ref mm.mm_users);
        while (users != 0)
        {
            int seen = Interlocked.CompareExchange(ref mm.mm_users, users + 1, users);
            if (seen == users)
                return true;
            users = seen;
        }

        return false;
    }

    /// <summary>Drops a use of the address space; the last one unmaps everything.</summary>
    [MightSleep]
    internal static void mmput([DropsReference] mm_struct mm)
    {
        might_sleep();
        int users = Interlocked.Decrement(ref mm.mm_users);
        BUG_ON(users < 0);
        if (users != 0)
            return;
        exit_mmap(mm);
        mmdrop(mm);
    }

    /// <summary>What a new task gets: nothing, the parent's address space, or a copy.</summary>
    /// <returns>0, -ENOMEM or -EINTR.</returns>
    [MightSleep]
    [MustCheck]
    internal static int copy_mm(bool clone_vm, task_struct tsk)
    {
        mm_struct? oldmm = current.mm;
        tsk.mm = null;
        if (oldmm is null)
            return 0;
        if (clone_vm)
        {
            mmget(oldmm);
            tsk.mm = oldmm;
            return 0;
        }

        tsk.mempolicy = current.mempolicy;
        mm_struct? mm = dup_mm(oldmm);
        if (mm is null)
            return -ENOMEM;
        tsk.mm = mm;
        return 0;
    }

    /// <summary>Gives the current task another address space and drops the one it had (exec, exit).</summary>
    [MightSleep]
    internal static void exec_mmap([ConsumesReference] mm_struct? mm)
    {
        task_struct task = current;
        mm_struct? old = task.mm;
        task.mm = mm;
        context_switch_mm(task);
        if (old is not null)
            mmput(old);
    }

    /// <summary>The end of a task: it lets go of its address space.</summary>
    [MightSleep]
    internal static void exit_mm(task_struct task)
    {
        if (task.mm is null)
            return;
        exec_mmap(null);
    }

    /// <summary>Makes the CPU translate with the task's tables. On the CPU that the task owns.</summary>
    internal static void context_switch_mm(task_struct task)
    {
        rq rq = task.rq;
        mm_struct? next = task.mm;
        mm_struct? prev = rq.loaded_mm;
        if (prev == next)
            return;
        local_irq_save(out ulong flags);
        task.kernel.arch.switch_mm(task.kernel, rq.hw, prev, next);
        Volatile.Write(ref rq.loaded_mm, next);
        local_irq_restore(flags);
    }

    [MightSleep]
    [ReturnsReference]
    internal static mm_struct? dup_mm(mm_struct oldmm)
    {
        mm_struct? mm = mm_alloc(oldmm.kernel);
        if (mm is null)
            return null;
        mm.mmap_base = oldmm.mmap_base;
        mm.start_brk = oldmm.start_brk;
        mm.start_stack = oldmm.start_stack;
        if (dup_mmap(mm, oldmm) != 0)
        {
            mmput(mm);
            return null;
        }

        return mm;
    }

    [MustCheck]
    [ReturnsReference]
    private static mm_struct? mm_init([ConsumesReference] mm_struct mm)
    {
        mm.pgd = mm.arch.pgd_alloc(mm);
        if (mm.pgd == 0)
        {
            HandOver(mm, to: "the garbage collector");
            return null;
        }

        if (mm.arch.init_new_context(mm) != 0)
        {
            mm.arch.pgd_free(mm, mm.pgd);
            HandOver(mm, to: "the garbage collector");
            return null;
        }

        mm.kernel.LiveMms.Born(mm, "mm");
        return mm;
    }

    private static void __mmdrop(mm_struct mm)
    {
        WARN_ON_ONCE(Volatile.Read(ref mm.rss_anon) != 0 || Volatile.Read(ref mm.rss_file) != 0 || Volatile.Read(ref mm.rss_shmem) != 0);
        WARN_ON_ONCE(Volatile.Read(ref mm.pgtables_pages) != 0);
        mm.arch.destroy_context(mm);
        foreach (rq rq in mm.kernel.runqueues)
            Interlocked.CompareExchange(ref rq.loaded_mm, null, mm);
        mm.arch.pgd_free(mm, mm.pgd);
        mm.pgd = 0;
        mm.kernel.LiveMms.Died(mm);
    }
}
