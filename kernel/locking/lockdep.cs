// SPDX-License-Identifier: GPL-2.0-only
// Mirrors kernel/locking/lockdep.c, Linux 6.18.
using System.Text;

namespace Linux;

// How it works, in the words of Documentation/locking/lockdep-design.rst:
//
//   class       all locks made at one place under one name, times the subclass of a nested acquisition
//   chain       the classes a task holds, in order; each chain is checked once, the first time it is seen by anybody
//   dependency  A -> B: some task waited for B while it held A. It remembers whether A was held shared (S) or exclusively (E), and whether B was a
//               recursive read (R) or not (N); a path on which a recursive read is followed by a shared hold is no deadlock
//
// An acquisition costs a hash and one look into the table of known chains. Everything else happens under the graph's host lock.

/// <summary>How a lock is taken. A recursive read waits for no writer that only waits itself.</summary>
internal enum LockMode : byte
{
    Exclusive,
    Shared,
    SharedRecursive,
}

/// <summary>In which contexts a class was used.</summary>
[Flags]
internal enum LockUsage
{
    None = 0,
    InHardirq = 1 << 0,
    InHardirqRead = 1 << 1,
    HardirqsOn = 1 << 2,
    HardirqsOnRead = 1 << 3,
    InSoftirq = 1 << 4,
    InSoftirqRead = 1 << 5,
    SoftirqsOn = 1 << 6,
    SoftirqsOnRead = 1 << 7,
}

/// <summary>All locks made at one place under one name, for one subclass.</summary>
internal sealed class lock_class
{
    /// <summary>Dependencies out of and into this class; guarded by the graph's lock.</summary>
    internal readonly List<lock_list> locks_after = [];
    internal readonly List<lock_list> locks_before = [];
    internal readonly Dictionary<LockUsage, LockSite> usage_traces = [];
    internal LockUsage usage_mask;

    internal lock_class(int id, string name, string file, int line, int subclass)
    {
        this.Id = id;
        this.Name = subclass == 0 ? name : $"{name}/{subclass}";
        this.File = file;
        this.Line = line;
    }

    internal int Id { get; }

    internal string Name { get; }

    internal string File { get; }

    internal int Line { get; }

    public override string ToString() => this.Name;
}

/// <summary>Where something happened first: function, line, task and call chain.</summary>
internal sealed record LockSite(string Function, int Line, string Task, StackTrace Trace)
{
    public override string ToString() => $"       {this.Function}():{this.Line} by {this.Task}\n{this.Trace}";
}

/// <summary>A dependency: somebody waited for To while it held From.</summary>
internal sealed class lock_list(lock_class from, lock_class to, LockSite site, string heldAt)
{
    internal const int SR = 1;
    internal const int ER = 2;
    internal const int SN = 4;
    internal const int EN = 8;

    internal lock_class From { get; } = from;

    internal lock_class To { get; } = to;

    /// <summary>Where To was taken when the dependency was first seen.</summary>
    internal LockSite Site { get; } = site;

    /// <summary>Where From had been taken then.</summary>
    internal string HeldAt { get; } = heldAt;

    /// <summary>The kinds of the dependency that were seen.</summary>
    internal int Dep { get; set; }
}

/// <summary>One lock a task holds, and where it took it.</summary>
internal struct held_lock
{
    internal lockdep_map instance;
    internal lock_class cls;
    internal ulong prev_chain_key;
    internal ulong chain_key;
    internal string function;
    internal int line;
    internal int subclass;
    internal byte irq_context;
    internal LockMode mode;
    internal bool trylock;

    /// <summary>The lock that is held around all locks of this class that the task takes; then they are one entry, and so many.</summary>
    internal lockdep_map? nest_lock;
    internal int references;
}

/// <summary>The held-lock stack of one task. Belongs to the task, but for readers of reports.</summary>
internal sealed class HeldLocks
{
    internal const int MAX_LOCK_DEPTH = 48;

    private readonly task_struct task;
    private readonly LockdepState state;
    private readonly held_lock[] held = new held_lock[MAX_LOCK_DEPTH];
    private int depth;
    private lockdep_map? nestNext;

    internal HeldLocks(task_struct task, LockdepState state)
    {
        this.task = task;
        this.state = state;
    }

    internal int Depth => this.depth;

    internal ReadOnlySpan<held_lock> Held => this.held.AsSpan(0, this.depth);

    /// <summary>The next acquisition is nested in <paramref name="nest"/>: locks of its class may be held already.</summary>
    internal void NestNext(lockdep_map nest)
    {
        if (!this.IsHeld(nest))
            this.task.kernel.AddWarning(KernelOops.Compose($"WARNING: Nested lock was not taken: {nest.name}", this.task, Environment.StackTrace));
        this.nestNext = nest;
    }

    internal void Acquire(lockdep_map map, int subclass, bool trylock, LockMode mode, string function, int line)
    {
        if (!this.task.OnCpu)
            throw new KernelOops($"{this.task} takes {map.name} in {function}() while it is in user mode: it must enter the kernel first");
        if (this.depth == MAX_LOCK_DEPTH)
            throw new KernelOops($"BUG: MAX_LOCK_DEPTH too low: {this.task} takes {map.name} in {function}()");
        lock_class cls = subclass == 0 && map.class_cache is { } cached ? cached : this.state.Class(map, subclass);
        lockdep_map? nest = this.nestNext;
        this.nestNext = null;
        if (nest is not null && this.depth != 0)
        {
            ref held_lock last = ref this.held[this.depth - 1];
            if (ReferenceEquals(last.nest_lock, nest) && ReferenceEquals(last.cls, cls))
            {
                last.references++;
                return;
            }
        }

        int count = this.task.preempt_count;
        byte context = (count & HARDIRQ_MASK) != 0 ? (byte)2 : (count & SOFTIRQ_OFFSET) != 0 ? (byte)1 : (byte)0;
        ref held_lock h = ref this.held[this.depth];
        ulong previous = this.depth != 0 && this.held[this.depth - 1].irq_context == context ? this.held[this.depth - 1].chain_key : 0;
        h.instance = map;
        h.cls = cls;
        h.subclass = subclass;
        h.trylock = trylock;
        h.mode = mode;
        h.nest_lock = nest;
        h.references = 1;
        h.irq_context = context;
        h.function = function;
        h.line = line;
        h.prev_chain_key = previous;
        bool softirqsOn = (count & (SOFTIRQ_MASK | HARDIRQ_MASK)) == 0 && !this.task.irqs_off;
        h.chain_key = Link(previous, cls.Id, mode, trylock, context, this.task.irqs_off, softirqsOn);
        this.depth++;
        if (!this.state.IsKnown(h.chain_key))
            this.state.Validate(this, this.task, this.depth - 1, !this.task.irqs_off, softirqsOn);
    }

    internal void Release(lockdep_map map)
    {
        int i = this.Find(map);
        if (i < 0)
        {
            this.task.kernel.AddWarning(KernelOops.Compose(
                $"WARNING: bad unlock balance detected! {this.task} is trying to release {map.name}, but it does not hold it", this.task,
                Environment.StackTrace));
            return;
        }

        if (this.held[i].references > 1)
        {
            this.held[i].references--;
            return;
        }

        // Released out of order: the chains of the locks above lose a link. They were checked with it, which covers them without.
        for (int j = i + 1; j < this.depth; j++)
        {
            held_lock h = this.held[j];
            h.prev_chain_key = j - 1 == i ? this.held[i].prev_chain_key : this.held[j - 2].chain_key;
            h.chain_key = Link(h.prev_chain_key, h.cls.Id, h.mode, h.trylock, h.irq_context, irqsOff: true, softirqsOn: false);
            this.held[j - 1] = h;
        }

        this.held[--this.depth] = default;
    }

    internal void Downgrade(lockdep_map map)
    {
        int i = this.Find(map);
        if (i >= 0)
            this.held[i].mode = LockMode.Shared;
    }

    /// <summary>Interrupts come on: every lock that is held is now held with interrupts on.</summary>
    internal void IrqsOn()
    {
        if (this.depth != 0)
            this.state.MarkHeld(this, this.task);
    }

    internal bool IsHeld(lockdep_map map) => this.Find(map) >= 0;

    internal bool IsHeld(lockdep_map map, LockMode mode)
    {
        int i = this.Find(map);
        return i >= 0 && (this.held[i].mode == LockMode.Exclusive) == (mode == LockMode.Exclusive);
    }

    internal void AssertHeld(lockdep_map map, LockMode? mode, string function, string file, int line)
    {
        if (mode is { } wanted ? !this.IsHeld(map, wanted) : !this.IsHeld(map))
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
        int n = Math.Min(this.depth, MAX_LOCK_DEPTH);
        text.Append($"{n} lock(s) held by {this.task}:\n");
        for (int i = 0; i < n; i++)
            text.Append($" #{i}: {Describe(this.held[i])}\n");
    }

    internal static string Describe(in held_lock h) =>
        $"({h.cls?.Name ?? h.instance?.name}){{{(h.mode == LockMode.Exclusive ? "W" : "R")}}}{(h.trylock ? " by trylock" : string.Empty)}, at: {h.function}():{h.line}";

    private static ulong Link(ulong key, int id, LockMode mode, bool trylock, byte context, bool irqsOff, bool softirqsOn)
    {
        ulong word = ((ulong)(uint)id << 8) | ((ulong)mode << 5) | ((ulong)context << 3) | (trylock ? 4UL : 0) | (irqsOff ? 2UL : 0) | (softirqsOn ? 1UL : 0);
        key = (key ^ word) * 0x9E3779B97F4A7C15;
        key ^= key >> 29;
        key *= 0xBF58476D1CE4E5B9;
        key ^= key >> 32;
        return key | 1;
    }

    private int Find(lockdep_map map)
    {
        for (int i = this.depth - 1; i >= 0; i--)
        {
            ref readonly held_lock h = ref this.held[i];
            if (ReferenceEquals(h.instance, map) || (h.nest_lock is not null && ReferenceEquals(h.cls, map.class_cache)))
                return i;
        }

        return -1;
    }
}

/// <summary>The lock classes of one kernel and what is known about them.</summary>
internal sealed class LockdepState
{
    private readonly Kernel kernel;
    private readonly Lock graph = new();
    private readonly Dictionary<(string Name, string File, int Line, int Subclass), lock_class> classes = [];
    private readonly Dictionary<(int From, int To), lock_list> edges = [];

    // Keys of checked chains, open addressing; a zero slot is free. Replaced by a larger copy when half full.
    private ulong[] chains = new ulong[4096];
    private int nrChains;

    internal LockdepState(Kernel kernel)
    {
        this.kernel = kernel;
    }

    /// <summary>Number of classes, dependencies and chains seen so far.</summary>
    internal (int Classes, int Dependencies, int Chains) Statistics
    {
        get
        {
            lock (this.graph)
                return (this.classes.Count, this.edges.Count, this.nrChains);
        }
    }

    /// <summary>Every dependency between two classes that was seen, as "A -> B", in order.</summary>
    internal IReadOnlyList<string> Dependencies
    {
        get
        {
            lock (this.graph)
                return [.. this.edges.Values.Select(e => $"{e.From.Name} -> {e.To.Name}").Distinct().Order(StringComparer.Ordinal)];
        }
    }

    internal lock_class Class(lockdep_map map, int subclass)
    {
        lock (this.graph)
        {
            var key = (map.name, map.file, map.line, subclass);
            if (!this.classes.TryGetValue(key, out lock_class? cls))
                this.classes.Add(key, cls = new lock_class(this.classes.Count + 1, map.name, map.file, map.line, subclass));
            if (subclass == 0)
                Volatile.Write(ref map.class_cache, cls);
            return cls;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool IsKnown(ulong key)
    {
        ulong[] table = Volatile.Read(ref this.chains);
        for (int i = (int)(key >> 8) & (table.Length - 1); ; i = (i + 1) & (table.Length - 1))
        {
            ulong found = Volatile.Read(ref table[i]);
            if (found == key)
                return true;
            if (found == 0)
                return false;
        }
    }

    /// <summary>Checks a chain that nobody has built before: its last link is the lock at the given index.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal void Validate(HeldLocks locks, task_struct task, int index, bool irqsOn, bool softirqsOn)
    {
        string? report = null;
        lock (this.graph)
        {
            ReadOnlySpan<held_lock> held = locks.Held;
            held_lock next = held[index];
            if (this.IsKnown(next.chain_key))
                return;
            this.AddChain(next.chain_key);
            var site = new LockSite(next.function, next.line, task.ToString(), new StackTrace(2, fNeedFileInfo: false));
            report = this.MarkUsage(next.cls, Usage(next, irqsOn, softirqsOn), site, task);
            if (!next.trylock)
            {
                for (int i = index - 1; i >= 0 && report is null; i--)
                {
                    if (held[i].irq_context == next.irq_context)
                        report = this.AddDependency(held[i], next, site, task);
                }
            }
        }

        if (report is not null)
        {
            var text = new StringBuilder(report);
            locks.Describe(text);
            this.kernel.AddWarning(text.ToString());
        }
    }

    internal void MarkHeld(HeldLocks locks, task_struct task)
    {
        foreach (held_lock h in locks.Held)
        {
            LockUsage on = h.mode == LockMode.Exclusive ? LockUsage.HardirqsOn : LockUsage.HardirqsOnRead;
            if ((h.cls.usage_mask & on) != 0)
                continue;
            string? report;
            lock (this.graph)
                report = this.MarkUsage(h.cls, on, new LockSite(h.function, h.line, task.ToString(), new StackTrace(2, fNeedFileInfo: false)), task);
            if (report is not null)
                this.kernel.AddWarning(report);
        }
    }

    private static LockUsage Usage(in held_lock h, bool irqsOn, bool softirqsOn)
    {
        LockUsage usage = LockUsage.None;
        bool write = h.mode == LockMode.Exclusive;
        if (h.irq_context == 2)
            usage |= write ? LockUsage.InHardirq : LockUsage.InHardirqRead;
        else if (irqsOn)
            usage |= write ? LockUsage.HardirqsOn : LockUsage.HardirqsOnRead;
        if (h.irq_context == 1)
            usage |= write ? LockUsage.InSoftirq : LockUsage.InSoftirqRead;
        else if (softirqsOn)
            usage |= write ? LockUsage.SoftirqsOn : LockUsage.SoftirqsOnRead;
        return usage;
    }

    // The usages of one class, or of two classes on a path, that deadlock with the given one: a reader in an interrupt is stopped by a writer only.
    private static LockUsage Conflicting(LockUsage usage) => usage switch
    {
        LockUsage.InHardirq => LockUsage.HardirqsOn | LockUsage.HardirqsOnRead,
        LockUsage.InHardirqRead => LockUsage.HardirqsOn,
        LockUsage.HardirqsOn => LockUsage.InHardirq | LockUsage.InHardirqRead,
        LockUsage.HardirqsOnRead => LockUsage.InHardirq,
        LockUsage.InSoftirq => LockUsage.SoftirqsOn | LockUsage.SoftirqsOnRead,
        LockUsage.InSoftirqRead => LockUsage.SoftirqsOn,
        LockUsage.SoftirqsOn => LockUsage.InSoftirq | LockUsage.InSoftirqRead,
        LockUsage.SoftirqsOnRead => LockUsage.InSoftirq,
        _ => LockUsage.None,
    };

    private static bool IsInIrq(LockUsage usage) =>
        (usage & (LockUsage.InHardirq | LockUsage.InHardirqRead | LockUsage.InSoftirq | LockUsage.InSoftirqRead)) != 0;

    private static IEnumerable<LockUsage> Bits(LockUsage usage)
    {
        for (int bit = 1; bit <= (int)LockUsage.SoftirqsOnRead; bit <<= 1)
        {
            if (((int)usage & bit) != 0)
                yield return (LockUsage)bit;
        }
    }

    // All classes reachable along dependencies, the start included.
    private static HashSet<lock_class> Reach(lock_class start, bool forward)
    {
        var seen = new HashSet<lock_class> { start };
        var queue = new Queue<lock_class>([start]);
        while (queue.TryDequeue(out lock_class? cls))
        {
            foreach (lock_list edge in forward ? cls.locks_after : cls.locks_before)
            {
                lock_class other = forward ? edge.To : edge.From;
                if (seen.Add(other))
                    queue.Enqueue(other);
            }
        }

        return seen;
    }

    [MustHold("graph")]
    private void AddChain(ulong key)
    {
        if (this.nrChains * 2 >= this.chains.Length)
        {
            ulong[] larger = new ulong[this.chains.Length * 2];
            foreach (ulong old in this.chains)
            {
                if (old != 0)
                    Insert(larger, old);
            }

            Volatile.Write(ref this.chains, larger);
        }

        Insert(this.chains, key);
        this.nrChains++;

        static void Insert(ulong[] table, ulong key)
        {
            int i = (int)(key >> 8) & (table.Length - 1);
            while (table[i] != 0)
                i = (i + 1) & (table.Length - 1);
            Volatile.Write(ref table[i], key);
        }
    }

    /// <summary>Notes the contexts of an acquisition; returns a report if they clash with what is known.</summary>
    [MustHold("graph")]
    private string? MarkUsage(lock_class cls, LockUsage usage, LockSite site, task_struct task)
    {
        string? report = null;
        foreach (LockUsage bit in Bits(usage & ~cls.usage_mask))
        {
            cls.usage_mask |= bit;
            cls.usage_traces[bit] = site;
            LockUsage clash = cls.usage_mask & Conflicting(bit);
            if (report is null && clash != 0)
            {
                LockUsage other = Bits(clash).First();
                report = Banner("inconsistent lock state",
                    $"inconsistent {{{other}}} -> {{{bit}}} usage.\n{task} takes:\n ({cls.Name})\n{site}" +
                    $"{{{other}}} state was registered at:\n{cls.usage_traces[other]}" +
                    "other info that might help us debug this:\n Possible unsafe locking scenario:\n\n       CPU0\n       ----\n" +
                    $"  lock({cls.Name});\n  <Interrupt>\n    lock({cls.Name});\n\n *** DEADLOCK ***\n\n");
            }

            foreach (lock_class far in report is null ? Reach(cls, forward: IsInIrq(bit)) : [])
            {
                if (!ReferenceEquals(far, cls) && (far.usage_mask & Conflicting(bit)) != 0)
                {
                    report = IsInIrq(bit) ? IrqInversion(cls, far, bit, task) : IrqInversion(far, cls, Bits(far.usage_mask & Conflicting(bit)).First(), task);
                    break;
                }
            }
        }

        return report;
    }

    /// <summary>Records that next was waited for while prev was held; returns a report if the new dependency closes a circle.</summary>
    [MustHold("graph")]
    private string? AddDependency(in held_lock prev, in held_lock next, LockSite site, task_struct task)
    {
        if (ReferenceEquals(prev.cls, next.cls))
        {
            if (next.mode == LockMode.SharedRecursive && prev.mode != LockMode.Exclusive)
                return null;
            return Banner("possible recursive locking detected",
                $"{task} is trying to acquire lock:\n {HeldLocks.Describe(next)}\n{site.Trace}\nbut task is already holding lock:\n {HeldLocks.Describe(prev)}\n\n" +
                $"other info that might help us debug this:\n Possible unsafe locking scenario:\n\n       CPU0\n       ----\n  lock({prev.cls.Name});\n" +
                $"  lock({next.cls.Name});\n\n *** DEADLOCK ***\n\n May be due to missing lock nesting notation\n\n");
        }

        int dep = (prev.mode == LockMode.Exclusive, next.mode == LockMode.SharedRecursive) switch
        {
            (false, true) => lock_list.SR,
            (true, true) => lock_list.ER,
            (false, false) => lock_list.SN,
            (true, false) => lock_list.EN,
        };
        if (this.edges.TryGetValue((prev.cls.Id, next.cls.Id), out lock_list? edge))
        {
            if ((edge.Dep & dep) != 0)
                return null;
        }

        List<lock_list>? circle = FindPath(next, prev);
        if (edge is null)
        {
            edge = new lock_list(prev.cls, next.cls, site, $"{prev.function}():{prev.line}");
            this.edges.Add((prev.cls.Id, next.cls.Id), edge);
            prev.cls.locks_after.Add(edge);
            next.cls.locks_before.Add(edge);
        }

        edge.Dep |= dep;
        if (circle is not null)
            return Circular(prev, next, site, circle, task);
        foreach (lock_class safe in Reach(prev.cls, forward: false))
        {
            foreach (LockUsage bit in Bits(safe.usage_mask).Where(IsInIrq))
            {
                foreach (lock_class unsafeClass in Reach(next.cls, forward: true))
                {
                    if ((unsafeClass.usage_mask & Conflicting(bit)) != 0)
                        return IrqInversion(safe, unsafeClass, bit, task);
                }
            }
        }

        return null;
    }

    /// <summary>A way of dependencies from one class to the other on which everybody really waits; null if there is none.</summary>
    private static List<lock_list>? FindPath(in held_lock from, in held_lock to)
    {
        var seen = new Dictionary<(lock_class Cls, bool OnlyRecursive), (lock_list? Edge, (lock_class, bool) Parent)>();
        var start = (from.cls, OnlyRecursive: from.mode == LockMode.SharedRecursive);
        seen.Add(start, (null, default));
        var queue = new Queue<(lock_class Cls, bool OnlyRecursive)>([start]);
        while (queue.TryDequeue(out (lock_class Cls, bool OnlyRecursive) at))
        {
            if (ReferenceEquals(at.Cls, to.cls) && (to.mode == LockMode.Exclusive || !at.OnlyRecursive))
            {
                var path = new List<lock_list>();
                for ((lock_list? edge, (lock_class, bool) parent) = seen[at]; edge is not null; (edge, parent) = seen[parent])
                    path.Add(edge);
                path.Reverse();
                return path;
            }

            foreach (lock_list edge in at.Cls.locks_after)
            {
                // A recursive read is not stopped by somebody who holds the lock shared.
                int dep = at.OnlyRecursive ? edge.Dep & ~(lock_list.SR | lock_list.SN) : edge.Dep;
                var next = (edge.To, OnlyRecursive: (dep & (lock_list.SN | lock_list.EN)) == 0);
                if (dep != 0 && seen.TryAdd(next, (edge, at)))
                    queue.Enqueue(next);
            }
        }

        return null;
    }

    private static string Circular(in held_lock prev, in held_lock next, LockSite site, List<lock_list> path, task_struct task)
    {
        var text = new StringBuilder();
        text.Append($"{task} is trying to acquire lock:\n {HeldLocks.Describe(next)}\n{site.Trace}\n");
        text.Append($"but task is already holding lock:\n {HeldLocks.Describe(prev)}\n\nwhich lock already depends on the new lock.\n\n");
        text.Append("the existing dependency chain (in reverse order) is:\n");
        for (int i = path.Count - 1; i >= 0; i--)
            text.Append($"\n-> #{i + 1} ({path[i].To.Name}), while ({path[i].From.Name}) was held, taken at {path[i].HeldAt}:\n{path[i].Site}");
        text.Append($"\nother info that might help us debug this:\n\nChain exists of:\n  {next.cls.Name}");
        foreach (lock_list edge in path)
            text.Append($" --> {edge.To.Name}");
        text.Append($"\n\n Possible unsafe locking scenario:\n\n       CPU0                    CPU1\n       ----                    ----\n  lock({prev.cls.Name});\n");
        text.Append($"                               lock({path[^1].From.Name});\n                               lock({prev.cls.Name});\n  lock({next.cls.Name});\n\n");
        text.Append(" *** DEADLOCK ***\n\n");
        return Banner("possible circular locking dependency detected", text.ToString());
    }

    private static string IrqInversion(lock_class safe, lock_class unsafeClass, LockUsage bit, task_struct task)
    {
        LockUsage on = Bits(unsafeClass.usage_mask & Conflicting(bit)).First();
        return Banner($"possible irq lock inversion dependency detected: {bit}-safe -> {bit}-unsafe",
            $"{task} made the {bit}-safe lock ({safe.Name}) depend on the {bit}-unsafe lock ({unsafeClass.Name}).\n\n" +
            $"({safe.Name}) became safe at:\n{safe.usage_traces[bit]}\n({unsafeClass.Name}) became unsafe at:\n{unsafeClass.usage_traces[on]}\n" +
            "other info that might help us debug this:\n Possible interrupt unsafe locking scenario:\n\n       CPU0                    CPU1\n" +
            $"       ----                    ----\n  lock({unsafeClass.Name});\n                               local_irq_disable();\n" +
            $"                               lock({safe.Name});\n                               lock({unsafeClass.Name});\n  <Interrupt>\n" +
            $"    lock({safe.Name});\n\n *** DEADLOCK ***\n\n");
    }

    private static string Banner(string title, string body) =>
        $"======================================================\nWARNING: {title}\n------------------------------------------------------\n{body}";
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
