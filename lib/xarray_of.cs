// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
namespace Linux;

/// <summary>
/// An XArray of managed objects: its words are handles of a table that belongs to it. The table holds objects strongly from the store that brings them
/// in until a store finds twice as many handles as were in use at the last sweep; a lookup never sees a handle that was swept.
/// </summary>
internal sealed class xarray_of<T>
    where T : class
{
    private const int MinSweep = 16;

    internal readonly xarray xa;

    // Changed under xa.xa_lock; slots are read without it. A handle that was in the tree when a reader looked is not reused before a grace period.
    private readonly Dictionary<T, int> handles = new(ReferenceEqualityComparer.Instance as IEqualityComparer<T>);
    private readonly Stack<int> free = new();
    private T?[] table = new T?[8];
    private int used;
    private int sweepAt = MinSweep;
    private List<int>? swept;
    private ulong cookie;

    internal xarray_of(Kernel kernel, [CallerMemberName] string name = "", uint flags = 0, [CallerFilePath] string file = "",
        [CallerLineNumber] int line = 0)
    {
        this.xa = new xarray(kernel, name, flags, file, line);
    }

    internal bool xa_empty() => XarrayH.xa_empty(this.xa);

    internal T? xa_load(ulong index)
    {
        rcu_read_lock();
        T? value = this.Resolve(Xarray.xa_load(this.xa, index));
        rcu_read_unlock();
        return value;
    }

    /// <summary>Stores an object, or with null erases; returns 0 or an error.</summary>
    [MustCheck]
    internal int xa_store(ulong index, T? entry, gfp_t gfp = GFP_KERNEL)
    {
        xa_lock(this.xa);
        int err = xa_err(Xarray.__xa_store(this.xa, index, this.Handle(entry), gfp));
        xa_unlock(this.xa);
        return err;
    }

    /// <summary>Stores an object where nothing is; -EBUSY otherwise.</summary>
    [MustCheck]
    internal int xa_insert(ulong index, T entry, gfp_t gfp = GFP_KERNEL)
    {
        xa_lock(this.xa);
        int err = Xarray.__xa_insert(this.xa, index, this.Handle(entry), gfp);
        xa_unlock(this.xa);
        return err;
    }

    [MustCheck]
    internal int xa_reserve(ulong index, gfp_t gfp = GFP_KERNEL) => XarrayH.xa_reserve(this.xa, index, gfp);

    internal void xa_release(ulong index) => XarrayH.xa_release(this.xa, index);

    internal T? xa_erase(ulong index)
    {
        xa_lock(this.xa);
        T? old = this.Resolve(Xarray.__xa_erase(this.xa, index));
        xa_unlock(this.xa);
        return old;
    }

    /// <summary>Stores the object at every index of the range. On -ENOMEM a part may be stored.</summary>
    [MustCheck]
    internal int xa_store_range(ulong first, ulong last, T? entry, gfp_t gfp = GFP_KERNEL)
    {
        xa_lock(this.xa);
        int err = xa_err(Xarray.__xa_store_range(this.xa, first, last, this.Handle(entry), gfp));
        xa_unlock(this.xa);
        return err;
    }

    /// <summary>Erases the range; cannot fail.</summary>
    internal void xa_erase_range(ulong first, ulong last) => _ = Xarray.xa_store_range(this.xa, first, last, 0, GFP_KERNEL);

    internal T? xa_find(ref ulong index, ulong max, xa_mark_t filter = xa_mark_t.XA_PRESENT)
    {
        rcu_read_lock();
        T? value = this.Resolve(Xarray.xa_find(this.xa, ref index, max, filter));
        rcu_read_unlock();
        return value;
    }

    internal T? xa_find_after(ref ulong index, ulong max, xa_mark_t filter = xa_mark_t.XA_PRESENT)
    {
        rcu_read_lock();
        T? value = this.Resolve(Xarray.xa_find_after(this.xa, ref index, max, filter));
        rcu_read_unlock();
        return value;
    }

    /// <summary>The objects of a range in order, each with the index it was found at.</summary>
    internal IEnumerable<(ulong index, T entry)> xa_for_each_range(ulong start, ulong last)
    {
        ulong index = start;
        for (T? entry = this.xa_find(ref index, last); entry is not null; entry = this.xa_find_after(ref index, last))
            yield return (index, entry);
    }

    internal IEnumerable<(ulong index, T entry)> xa_for_each() => this.xa_for_each_range(0, ulong.MaxValue);

    internal void xa_destroy()
    {
        Xarray.xa_destroy(this.xa);
        xa_lock(this.xa);
        this.handles.Clear();
        Array.Clear(this.table);
        this.free.Clear();
        this.swept = null;
        this.used = 0;
        xa_unlock(this.xa);
    }

    // A handle is a multiple of four, so the array takes it for a pointer.
    private T? Resolve(nuint handle) => handle == 0 ? null : Volatile.Read(ref Volatile.Read(ref this.table)[(int)(handle >> 2) - 1]);

    [MustHold("xa.xa_lock")]
    private nuint Handle(T? entry)
    {
        if (entry is null)
            return 0;
        if (this.handles.TryGetValue(entry, out int slot))
            return (nuint)(slot + 1) << 2;
        if (this.handles.Count >= this.sweepAt || this.swept is not null)
            this.Sweep();
        if (!this.free.TryPop(out slot))
        {
            slot = this.used++;
            if (slot == this.table.Length)
            {
                T?[] grown = new T?[this.table.Length * 2];
                this.table.CopyTo(grown, 0);
                Volatile.Write(ref this.table, grown);
            }
        }

        // Readers see the object before the handle: the store into the tree is a release.
        Volatile.Write(ref this.table[slot], entry);
        this.handles.Add(entry, slot);
        return (nuint)(slot + 1) << 2;
    }

    /// <summary>Takes back handles that left the tree before the last grace period, and starts a new one for those that left since.</summary>
    [MustHold("xa.xa_lock")]
    private void Sweep()
    {
        Kernel kernel = this.xa.kernel;
        if (this.swept is null)
        {
            var live = new HashSet<int>();
            foreach ((_, nuint entry) in XarrayH.xa_for_each(this.xa))
                live.Add((int)(entry >> 2) - 1);
            List<int> dead = [.. this.handles.Values.Where(slot => !live.Contains(slot))];
            foreach (int slot in dead)
                this.handles.Remove(this.table[slot]!);
            this.sweepAt = Math.Max(MinSweep, live.Count * 2);
            this.swept = dead;
            this.cookie = Tree.start_poll_synchronize_rcu(kernel);
        }

        if (!Tree.poll_state_synchronize_rcu(kernel, this.cookie))
            return;
        foreach (int slot in this.swept)
        {
            this.table[slot] = null;
            this.free.Push(slot);
        }

        this.swept = null;
    }
}
