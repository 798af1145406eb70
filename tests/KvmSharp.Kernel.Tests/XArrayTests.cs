// SPDX-License-Identifier: GPL-2.0-only
using FsCheck;
using FsCheck.Fluent;

namespace KvmSharp.Kernel.Tests;

/// <summary>The XArray against a dictionary, and against what Documentation/core-api/xarray.rst promises.</summary>
internal sealed class XArrayTests : KernelTest
{
    private const gfp_t Gfp = gfp_t.__GFP_DIRECT_RECLAIM;

    private static readonly NUnit.Framework.Constraints.EqualConstraint NoEntry = Is.EqualTo((nuint)0);

    // Indices where levels and chunks begin and end.
    private static readonly ulong[] Corners =
    [
        0, 1, 2, 3, 62, 63, 64, 65, 127, 128, 4095, 4096, 4097, 8191, 262143, 262144, 16777215, 16777216, uint.MaxValue, 1UL << 32, (1UL << 36) - 1,
        1UL << 36, 1UL << 60, ulong.MaxValue - 1, ulong.MaxValue,
    ];

    [Test]
    public void plain_stores_and_erases_agree_with_a_dictionary() => Prop.ForAll(
        Gen.ArrayOf(Step(0)).ToArbitrary(),
        steps => this.Kernel.RunTask(() => this.Replay(steps))).Check(Config.QuickThrowOnFailure.WithMaxTest(300));

    [Test]
    public void multi_index_stores_and_erases_agree_with_a_dictionary() => Prop.ForAll(
        Gen.ArrayOf(Step(20)).ToArbitrary(),
        steps => this.Kernel.RunTask(() => this.Replay(steps))).Check(Config.QuickThrowOnFailure.WithMaxTest(500));

    [Test]
    public void store_range_covers_exactly_the_range() => Prop.ForAll(
        (from a in Gen.OneOf(Gen.Choose(0, 20000).Select(i => (ulong)i), Gen.Elements(Corners))
         from b in Gen.OneOf(Gen.Choose(0, 20000).Select(i => (ulong)i), Gen.Elements(Corners))
         select (first: Math.Min(a, b), last: Math.Max(a, b))).ToArbitrary(),
        range => this.Kernel.RunTask(() =>
        {
            var xa = new xarray(this.Kernel);
            nuint entry = xa_mk_value(7);
            if (xa_err(xa_store_range(xa, range.first, range.last, entry, Gfp)) != 0)
                return false;
            bool ok = xa_load(xa, range.first) == entry && xa_load(xa, range.last) == entry &&
                xa_load(xa, range.first + ((range.last - range.first) / 2)) == entry &&
                (range.first == 0 || xa_load(xa, range.first - 1) == 0) &&
                (range.last == ulong.MaxValue || xa_load(xa, range.last + 1) == 0);
            ok &= xa_err(xa_store_range(xa, range.first, range.last, 0, Gfp)) == 0;
            ok &= xa_empty(xa);
            xa_destroy(xa);
            return ok && this.Kernel.radix_tree_node_cachep.Live == 0;
        })).Check(Config.QuickThrowOnFailure.WithMaxTest(1000));

    [Test]
    public void a_value_at_index_0_needs_no_node_and_a_second_entry_moves_it()
    {
        this.Kernel.RunTask(() =>
        {
            var xa = new xarray(this.Kernel);
            Assert.That(xa_store(xa, 0, xa_mk_value(1), Gfp), NoEntry);
            Assert.That(this.Kernel.radix_tree_node_cachep.Live, Is.Zero);
            Assert.That(xa_store(xa, 100, xa_mk_value(2), Gfp), NoEntry);
            Assert.That(this.Kernel.radix_tree_node_cachep.Live, Is.Positive);
            Assert.That(xa_to_value(xa_load(xa, 0)), Is.EqualTo(1));
            Assert.That(xa_to_value(xa_erase(xa, 100)), Is.EqualTo(2));
            Assert.That(this.Kernel.radix_tree_node_cachep.Live, Is.Zero);
            Assert.That(xa_to_value(xa_load(xa, 0)), Is.EqualTo(1));
            xa_destroy(xa);
        });
    }

    [Test]
    public void reserve_keeps_a_place_that_looks_empty_but_refuses_insert()
    {
        this.Kernel.RunTask(() =>
        {
            var xa = new xarray(this.Kernel);
            Assert.That(xa_reserve(xa, 5, Gfp), Is.Zero);
            Assert.That(xa_load(xa, 5), NoEntry);
            Assert.That(xa_insert(xa, 5, xa_mk_value(1), Gfp), Is.EqualTo(-EBUSY));
            Assert.That(Count(xa), Is.Zero);
            xa_release(xa, 5);
            Assert.That(xa_empty(xa));
            Assert.That(xa_insert(xa, 5, xa_mk_value(1), Gfp), Is.Zero);
            xa_release(xa, 5);
            Assert.That(xa_to_value(xa_load(xa, 5)), Is.EqualTo(1), "a release takes back a reservation, not an entry");
            xa_destroy(xa);
        });
    }

    [Test]
    public void storing_into_a_reserved_place_needs_no_memory()
    {
        this.Kernel.RunTask(() =>
        {
            var xa = new xarray(this.Kernel);
            Assert.That(xa_reserve(xa, 1UL << 40, Gfp), Is.Zero);
            this.FailAllAllocations();
            Assert.That(xa_err(xa_store(xa, 1UL << 40, xa_mk_value(3), Gfp)), Is.Zero);
            Assert.That(xa_err(xa_store(xa, 9, xa_mk_value(3), Gfp)), Is.EqualTo(-ENOMEM));
            Assert.That(xa_load(xa, 9), NoEntry);
            xa_destroy(xa);
        });
    }

    [Test]
    public void out_of_memory_at_every_allocation_leaves_the_array_as_it_was()
    {
        this.Kernel.RunTask(() =>
        {
            for (int nth = 1; ; nth++)
            {
                this.Kernel.Failures = null;
                var xa = new xarray(this.Kernel);
                Assert.That(xa_err(xa_store(xa, 1, xa_mk_value(1), Gfp)), Is.Zero);
                this.Kernel.Failures = new FailureInjector();
                this.Kernel.Failures.FailNth("xas_alloc", nth, 2);
                this.Kernel.Failures.FailWhen("xas_nomem", _ => true);
                int err = xa_err(xa_store(xa, 1UL << 30, xa_mk_value(2), Gfp));
                Assert.That(err, this.Kernel.Failures.Injected == 0 ? Is.Zero : Is.EqualTo(-ENOMEM));
                this.Kernel.Failures = null;
                Assert.That(xa_to_value(xa_load(xa, 1)), Is.EqualTo(1));
                Assert.That(Count(xa), Is.EqualTo(err == 0 ? 2 : 1));
                Assert.That(xa_erase(xa, 1), Is.Not.EqualTo((nuint)0));
                xa_destroy(xa);
                Assert.That(this.Kernel.radix_tree_node_cachep.Live, Is.Zero);
                if (err == 0)
                    break;
            }
        });
    }

    [Test]
    public void a_failed_first_try_is_made_good_by_the_sleeping_allocation()
    {
        this.Kernel.RunTask(() =>
        {
            this.Kernel.Failures = new FailureInjector();
            this.Kernel.Failures.FailWhen("xas_alloc", _ => true);
            var xa = new xarray(this.Kernel);
            Assert.That(xa_err(xa_store(xa, 1UL << 30, xa_mk_value(2), Gfp)), Is.Zero);
            this.Kernel.Failures = null;
            Assert.That(xa_to_value(xa_load(xa, 1UL << 30)), Is.EqualTo(2));
            xa_destroy(xa);
        });
    }

    [Test]
    public void split_gives_each_piece_its_value_and_the_marks()
    {
        this.Kernel.RunTask(() =>
        {
            foreach ((int order, int to) in new[] { (1, 0), (5, 2), (6, 0), (6, 3), (9, 0), (9, 4), (11, 6), (11, 5), (7, 6) })
            {
                var xa = new xarray(this.Kernel);
                ulong start = 3UL << order;
                StoreOrder(xa, start, order, xa_mk_value(1));
                xa_set_mark(xa, start + 1, XA_MARK_1);
                xa_state xas = XA_STATE_ORDER(xa, start, to);
                xas_split_alloc(ref xas, xa_mk_value(2), order, Gfp);
                Assert.That(xas_error(xas), Is.Zero);
                xas_lock(ref xas);
                xas_split(ref xas, xa_mk_value(2), order);
                xas_unlock(ref xas);
                xas_destroy(ref xas);
                for (ulong i = start; i < start + (1UL << order); i++)
                {
                    Assert.That(xa_to_value(xa_load(xa, i)), Is.EqualTo(2));
                    Assert.That(xa_get_order(xa, i), Is.EqualTo(to), $"{order} to {to}");
                    Assert.That(xa_get_mark(xa, i, XA_MARK_1));
                    Assert.That(xa_get_mark(xa, i, XA_MARK_0), Is.False);
                }

                Assert.That(xa_load(xa, start - 1), NoEntry);
                Assert.That(xa_load(xa, start + (1UL << order)), NoEntry);
                Assert.That(Count(xa), Is.EqualTo(1 << (order - to)));
                xa_destroy(xa);
                Assert.That(this.Kernel.radix_tree_node_cachep.Live, Is.Zero);
            }
        });
    }

    [Test]
    public void find_conflict_lists_what_a_store_would_replace()
    {
        this.Kernel.RunTask(() =>
        {
            var xa = new xarray(this.Kernel);
            foreach (ulong i in new ulong[] { 64, 70, 127, 128, 200 })
                Assert.That(xa_err(xa_store(xa, i, xa_mk_value(i), Gfp)), Is.Zero);
            StoreOrder(xa, 192, 2, xa_mk_value(192));
            xa_state xas = XA_STATE_ORDER(xa, 64, 6);
            var found = new List<ulong>();
            xas_lock(ref xas);
            for (nuint e = xas_find_conflict(ref xas); e != 0; e = xas_find_conflict(ref xas))
                found.Add(xa_to_value(e));
            xas_unlock(ref xas);
            Assert.That(found, Is.EqualTo(new ulong[] { 64, 70, 127 }));
            xa_destroy(xa);
        });
    }

    [Test]
    public void next_and_prev_walk_over_gaps_and_levels()
    {
        this.Kernel.RunTask(() =>
        {
            var xa = new xarray(this.Kernel);
            Assert.That(xa_err(xa_store(xa, 62, xa_mk_value(62), Gfp)), Is.Zero);
            Assert.That(xa_err(xa_store(xa, 65, xa_mk_value(65), Gfp)), Is.Zero);
            Assert.That(xa_err(xa_store(xa, 4096, xa_mk_value(4096), Gfp)), Is.Zero);
            xa_state xas = XA_STATE(xa, 61);
            xas_lock(ref xas);
            for (ulong i = 61; i < 4100; i++)
            {
                nuint entry = xas_next(ref xas);
                Assert.That(xas.xa_index, Is.EqualTo(i));
                Assert.That(entry, Is.EqualTo(i is 62 or 65 or 4096 ? xa_mk_value(i) : (nuint)0), $"index {i}");
            }

            xas_set(ref xas, 4099);
            for (ulong i = 4099; i > 60; i--)
            {
                nuint entry = xas_prev(ref xas);
                Assert.That(xas.xa_index, Is.EqualTo(i));
                Assert.That(entry, Is.EqualTo(i is 62 or 65 or 4096 ? xa_mk_value(i) : (nuint)0), $"index {i}");
            }

            xas_unlock(ref xas);
            xa_destroy(xa);
        });
    }

    [Test]
    public void alloc_hands_out_the_lowest_free_index()
    {
        this.Kernel.RunTask(() =>
        {
            var xa = new xarray(this.Kernel, "ids", XA_FLAGS_ALLOC);
            for (uint i = 0; i < 200; i++)
            {
                Assert.That(xa_alloc(xa, out uint id, xa_mk_value(i), 0, 199, Gfp), Is.Zero);
                Assert.That(id, Is.EqualTo(i));
            }

            Assert.That(xa_alloc(xa, out _, xa_mk_value(0), 0, 199, Gfp), Is.EqualTo(-EBUSY));
            foreach (uint gone in new uint[] { 150, 3, 64 })
                Assert.That(xa_to_value(xa_erase(xa, gone)), Is.EqualTo(gone));
            foreach (uint want in new uint[] { 3, 64, 150 })
            {
                Assert.That(xa_alloc(xa, out uint id, xa_mk_value(want), 0, 199, Gfp), Is.Zero);
                Assert.That(id, Is.EqualTo(want));
            }

            xa_destroy(xa);
        });
    }

    [Test]
    public void readers_without_the_lock_see_old_or_new_while_a_writer_changes_the_tree()
    {
        var xa = new xarray(this.Kernel);
        int wrong = 0;
        bool stop = false;
        this.InParallel(4, t =>
        {
            if (t == 0)
            {
                var random = new Random(1);
                for (int i = 0; i < 3000; i++)
                {
                    ulong index = (ulong)random.Next(0, 3) switch { 0 => (ulong)random.Next(64), 1 => (ulong)random.Next(5000), _ => (ulong)random.Next() };
                    int order = random.Next(0, 9);
                    if (random.Next(3) == 0)
                        xa_erase(xa, index);
                    else
                        StoreOrder(xa, index, order, xa_mk_value(((index >> order) << 8) | (uint)order));
                }

                Volatile.Write(ref stop, true);
            }
            else
            {
                ulong n = 0;
                while (!Volatile.Read(ref stop))
                {
                    ulong index = n++ % 5000;
                    nuint entry = xa_load(xa, index);
                    if (entry == 0)
                        continue;
                    if (!xa_is_value(entry))
                        Interlocked.Increment(ref wrong);
                    if (n % 64 == 0)
                        cond_resched();
                }
            }
        });
        Assert.That(wrong, Is.Zero);
        this.Kernel.RunTask(() => xa_destroy(xa));
        Assert.That(this.Kernel.radix_tree_node_cachep.Live, Is.Zero);
    }

    [Test]
    public void steady_state_allocates_no_garbage_and_no_native_memory()
    {
        this.Kernel.RunTask(() =>
        {
            var xa = new xarray(this.Kernel);
            for (int i = 0; i < 2000; i++)
                Churn(xa);
            long bytes = this.Kernel.radix_tree_node_cachep.Bytes;
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < 5000; i++)
                Churn(xa);
            Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
            Assert.That(this.Kernel.radix_tree_node_cachep.Bytes, Is.EqualTo(bytes));
            xa_destroy(xa);
        });

        static void Churn(xarray xa)
        {
            for (ulong i = 0; i < 4; i++)
                xa_store(xa, i << 12, xa_mk_value(i), Gfp);
            foreach ((ulong index, nuint entry) in xa_for_each(xa))
            {
                if (xa_to_value(entry) != index >> 12)
                    throw new InvalidOperationException("wrong entry");
            }

            for (ulong i = 0; i < 4; i++)
                xa_erase(xa, i << 12);
        }
    }

    [Test]
    public void managed_objects_come_back_by_identity_and_handles_are_recycled()
    {
        this.Kernel.RunTask(() =>
        {
            var xa = new xarray_of<object>(this.Kernel, "objects");
            object a = new();
            object b = new();
            Assert.That(xa.xa_store_range(10, 99, a), Is.Zero);
            Assert.That(xa.xa_store(5, b), Is.Zero);
            Assert.That(xa.xa_insert(5, a), Is.EqualTo(-EBUSY));
            Assert.That(xa.xa_load(50), Is.SameAs(a));
            Assert.That(xa.xa_load(100), Is.Null);
            ulong index = 0;
            Assert.That(xa.xa_find(ref index, 1000), Is.SameAs(b));
            Assert.That(index, Is.EqualTo(5));
            Assert.That(xa.xa_find_after(ref index, 1000), Is.SameAs(a));
            Assert.That(index, Is.EqualTo(10));
            xa.xa_erase_range(10, 99);
            Assert.That(xa.xa_load(10), Is.Null);
            var kept = new WeakReference[1000];
            for (int i = 0; i < kept.Length; i++)
                kept[i] = Replace(xa);
            GC.Collect();
            Assert.That(kept.Count(w => w.IsAlive), Is.LessThan(100), "objects that left the array stay reachable");
            xa.xa_destroy();
        });

        [MethodImpl(MethodImplOptions.NoInlining)]
        static WeakReference Replace(xarray_of<object> xa)
        {
            object o = new();
            Assert.That(xa.xa_store(77, o), Is.Zero);
            Assert.That(xa.xa_load(77), Is.SameAs(o));
            return new WeakReference(o);
        }
    }

    private static Gen<(int Op, ulong Index, int Order)> Step(int maxOrder) =>
        from op in Gen.Choose(0, 6)
        from index in Gen.OneOf(
            Gen.Choose(0, 70).Select(i => (ulong)i), Gen.Choose(0, 9000).Select(i => (ulong)i), Gen.Elements(Corners), Gen.Choose(0, int.MaxValue).Select(i => (ulong)i))
        from order in Gen.OneOf(Gen.Constant(0), Gen.Choose(0, maxOrder))
        select (op, index, order);

    private static void StoreOrder(xarray xa, ulong index, int order, nuint entry)
    {
        xa_state xas = XA_STATE_ORDER(xa, index, order);
        do
        {
            xas_lock(ref xas);
            xas_store(ref xas, entry);
            xas_unlock(ref xas);
        }
        while (xas_nomem(ref xas, Gfp));
        Assert.That(xas_error(xas), Is.Zero);
    }

    private static int Count(xarray xa)
    {
        int n = 0;
        foreach ((ulong index, nuint entry) in xa_for_each(xa))
            n++;
        return n;
    }

    private void FailAllAllocations()
    {
        this.Kernel.Failures = new FailureInjector();
        this.Kernel.Failures.FailWhen("xas_alloc", _ => true);
        this.Kernel.Failures.FailWhen("xas_nomem", _ => true);
    }

    /// <summary>Runs the steps on both and compares everything that can be seen from outside after each.</summary>
    private bool Replay((int Op, ulong Index, int Order)[] steps)
    {
        var xa = new xarray(this.Kernel);
        var model = new SortedDictionary<ulong, Entry>();
        uint stamp = 1;
        foreach ((int op, ulong index, int order) in steps)
        {
            ulong start = index >> order << order;
            switch (op)
            {
                case 0 or 1 or 2:
                    nuint entry = xa_mk_value(stamp++);
                    StoreOrder(xa, index, order, entry);
                    Store(model, start, order, entry);
                    break;
                case 3:
                    nuint old = xa_erase(xa, index);
                    Entry? gone = At(model, index);
                    Assert.That(old, Is.EqualTo(gone?.Value ?? (nuint)0), "erased");
                    if (gone is not null)
                        model.Remove(gone.Start);
                    break;
                case 4:
                    xa_set_mark(xa, index, XA_MARK_0);
                    if (At(model, index) is { } marked)
                        marked.Marked = true;
                    break;
                case 5:
                    xa_clear_mark(xa, index, XA_MARK_0);
                    if (At(model, index) is { } cleared)
                        cleared.Marked = false;
                    break;
                default:
                    int err = xa_insert(xa, index, xa_mk_value(stamp), Gfp);
                    Assert.That(err, Is.EqualTo(At(model, index) is null ? 0 : -EBUSY), "insert");
                    if (err == 0)
                        Store(model, index, 0, xa_mk_value(stamp));
                    stamp++;
                    break;
            }

            Compare(xa, model, index);
        }

        xa_destroy(xa);
        Assert.That(this.Kernel.radix_tree_node_cachep.Live, Is.Zero);
        return true;

        static Entry? At(SortedDictionary<ulong, Entry> model, ulong index) => model.Values.FirstOrDefault(e => index >= e.Start && index <= e.Last);

        static void Store(SortedDictionary<ulong, Entry> model, ulong start, int order, nuint value)
        {
            // An entry that covers more is replaced as a whole; smaller ones vanish under the new one, which inherits their marks only when the slots lie
            // in the same node, so the model forgets marks in that case and compares them only for equal or larger entries.
            ulong last = start + ((1UL << order) - 1);
            if (At(model, start) is { } covering && covering.Start <= start && covering.Last >= last)
            {
                covering.Value = value;
                return;
            }

            foreach (Entry e in model.Values.Where(e => e.Start >= start && e.Start <= last).ToList())
                model.Remove(e.Start);
            model.Add(start, new Entry { Start = start, Last = last, Order = order, Value = value, Marked = null });
        }
    }

    private static void Compare(xarray xa, SortedDictionary<ulong, Entry> model, ulong touched)
    {
        Assert.That(xa_empty(xa), Is.EqualTo(model.Count == 0));
        var walked = new List<nuint>();
        foreach ((ulong index, nuint entry) in xa_for_each(xa))
            walked.Add(entry);
        Assert.That(walked, Is.EqualTo(model.Values.Select(e => e.Value)));
        foreach (Entry e in model.Values)
        {
            if (xa_load(xa, e.Start) != e.Value || xa_load(xa, e.Last) != e.Value)
                Assert.Fail($"[{e.Start}, {e.Last}] is not {e.Value}");
            if (xa_get_order(xa, e.Start) != e.Order)
                Assert.Fail($"order at {e.Start}");
            bool mark = xa_get_mark(xa, e.Start, XA_MARK_0);
            if (e.Marked is { } known && mark != known)
                Assert.Fail($"mark at {e.Start}");
            e.Marked = mark;
            if (e.Last != ulong.MaxValue && !model.ContainsKey(e.Last + 1) && xa_load(xa, e.Last + 1) != 0)
                Assert.Fail($"something at {e.Last + 1}");
        }

        var marked = new List<nuint>();
        ulong at = 0;
        for (nuint entry = xa_find(xa, ref at, ulong.MaxValue, XA_MARK_0); entry != 0; entry = xa_find_after(xa, ref at, ulong.MaxValue, XA_MARK_0))
            marked.Add(entry);
        Assert.That(marked, Is.EqualTo(model.Values.Where(e => e.Marked == true).Select(e => e.Value)), "marked");
        Assert.That(xa_marked(xa, XA_MARK_0), Is.EqualTo(marked.Count != 0));
        ulong from = touched;
        nuint found = xa_find(xa, ref from, ulong.MaxValue);
        Entry? want = model.Values.FirstOrDefault(e => e.Last >= touched);
        Assert.That(found, Is.EqualTo(want?.Value ?? (nuint)0), "find");
    }

    private sealed class Entry
    {
        public ulong Start { get; init; }

        public ulong Last { get; init; }

        public int Order { get; init; }

        public nuint Value { get; set; }

        public bool? Marked { get; set; }
    }
}
