// SPDX-License-Identifier: GPL-2.0-only
// Mirrors kernel/sched/wait_bit.c, Linux 6.18.
namespace Linux;

/// <summary>The word and bit a hashed waiter waits for.</summary>
internal sealed class wait_bit_key
{
    internal nuint flags;
    internal int bit_nr;
}

internal sealed partial class Kernel
{
    private const int WAIT_TABLE_BITS = 8;
    private readonly wait_queue_head[] bitWaitTable = MakeWaitTable("bit_wait_table");
    private readonly wait_queue_head[] folioWaitTable = MakeWaitTable("folio_wait_table");

    /// <summary>The queue for waits on bits of this word.</summary>
    internal wait_queue_head bit_waitqueue(nuint word) => this.bitWaitTable[Hash(word)];

    /// <summary>The queue for waits on the folio at this address of the memmap.</summary>
    internal wait_queue_head folio_waitqueue(nuint folio) => this.folioWaitTable[Hash(folio)];

    private static uint Hash(nuint address) => (uint)(((ulong)address * 0x61C8864680B583EB) >> (64 - WAIT_TABLE_BITS));

    private static wait_queue_head[] MakeWaitTable(string name)
    {
        var table = new wait_queue_head[1 << WAIT_TABLE_BITS];
        for (int i = 0; i < table.Length; i++)
            table[i] = new wait_queue_head(name);
        return table;
    }
}

internal sealed partial class task_struct
{
    private wait_bit_key? wakeKey;

    /// <summary>A key for one wakeup; the wakeup is over before the task makes another one.</summary>
    internal wait_bit_key WakeKey(nuint word, int bit)
    {
        wait_bit_key key = this.wakeKey ??= new wait_bit_key();
        key.flags = word;
        key.bit_nr = bit;
        return key;
    }
}

internal static unsafe class WaitBit
{
    private static readonly wait_queue_func_t WakeBit = wake_bit_function;

    /// <summary>Sleeps until the bit is clear; -EINTR if a signal that the mode allows came first.</summary>
    [MightSleep]
    [MustCheck]
    internal static int wait_on_bit(ulong* word, int bit, int mode)
    {
        might_sleep();
        return test_bit(bit, word) ? Common(word, bit, mode, take: false) : 0;
    }

    /// <summary>Takes the bit as a lock, sleeping while it is set; -EINTR if a signal that the mode allows came first.</summary>
    [MightSleep]
    [MustCheck]
    internal static int wait_on_bit_lock(ulong* word, int bit, int mode)
    {
        might_sleep();
        return test_and_set_bit(bit, word) ? Common(word, bit, mode, take: true) : 0;
    }

    /// <summary>Wakes the waiters of the bit: all that only wait, one that wants it as a lock. The caller cleared the bit.</summary>
    internal static void wake_up_bit(ulong* word, int bit)
    {
        task_struct task = current;
        wait_queue_head head = task.kernel.bit_waitqueue((nuint)word);

        // Pairs with set_current_state() of a waiter: it sees the bit clear, or is seen here.
        Interlocked.MemoryBarrier();
        if (waitqueue_active(head))
            __wake_up(head, TASK_NORMAL, 1, task.WakeKey((nuint)word, bit));
    }

    internal static void clear_and_wake_up_bit(int bit, ulong* word)
    {
        clear_bit_unlock(bit, word);
        wake_up_bit(word, bit);
    }

    [ContextUnsafe("called by __wake_up() under the lock of the queue, which the signature of a wake function does not carry")]
    private static int wake_bit_function(wait_queue_entry wq_entry, uint mode, int sync, object? arg)
    {
        // The bit may have been taken again since: whoever takes it wakes the next one.
        var key = (wait_bit_key)arg!;
        if (wq_entry.key_address != key.flags || wq_entry.key_bit != key.bit_nr || test_bit(key.bit_nr, (ulong*)key.flags))
            return 0;
        return Wait.autoremove_wake_function(wq_entry, mode, sync, arg);
    }

    private static int Common(ulong* word, int bit, int mode, bool take)
    {
        task_struct task = current;
        wait_queue_head head = task.kernel.bit_waitqueue((nuint)word);
        wait_queue_entry entry = task.GetWait();
        entry.func = WakeBit;
        entry.key_address = (nuint)word;
        entry.key_bit = bit;
        int ret = 0;
        while (true)
        {
            if (take)
                prepare_to_wait_exclusive(head, entry, mode);
            else
                prepare_to_wait(head, entry, mode);
            if (take ? !test_and_set_bit(bit, word) : !test_bit(bit, word))
                break;
            if (signal_pending_state(mode, task))
            {
                ret = -EINTR;
                break;
            }

            schedule();
        }

        finish_wait(head, entry);
        task.PutWait(entry);

        // A waiter for the lock that gives up may have eaten the wakeup of the next one.
        if (ret != 0 && take && !test_bit(bit, word))
            wake_up_bit(word, bit);
        return ret;
    }
}
