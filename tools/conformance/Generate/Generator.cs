// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
namespace KvmSharp.Conformance.Generate;

/// <summary>How a sequence is generated.</summary>
internal sealed record GeneratorOptions
{
    /// <summary>Gets the mix of operations, one of <see cref="Profile.Names"/>.</summary>
    internal string Profile { get; init; } = "mixed";

    /// <summary>
    /// Gets a value indicating whether operations are drawn, too, whose answers are not the same on every host (new descriptor numbers, counters
    /// of the machine).
    /// </summary>
    internal bool ModelOnly { get; init; }

    /// <summary>Gets a value indicating whether other threads change the same objects, so that nothing may be drawn that could wait for ever.</summary>
    internal bool Shared { get; init; }

    /// <summary>Gets the highest number of processes inside one another that forks make.</summary>
    internal int MaxForkDepth { get; init; } = 3;
}

/// <summary>
/// Draws sequences of operations in the format of the conformance traces: biased to boundaries, and aware of what is open, mapped and bound.
/// The same seed and options draw the same sequence as long as the outcomes that it is told are the same. What a sequence can populate is
/// bounded: files and mappings beyond a few MiB are touched in small parts only.
/// </summary>
internal sealed partial class Generator
{
    private const ulong Page = 4096;

    /// <summary>No single operation populates more than this.</summary>
    private const ulong Small = 4UL << 20;

    /// <summary>How far from its start a mapping that lies alone may be named: well inside the empty region around it.</summary>
    private const ulong Reach = 1UL << 30;

    private const int ForkPercent = 12;

    private static readonly ulong[] _sizes = [Page, 2 * Page, 3 * Page, 4 * Page, 8 * Page, 16 * Page, 64 * Page, 2UL << 20];

    // Lengths that wrap wherever a range begins. Some calls take anything else for what it says, up to the end of the address space, where the
    // program itself lies.
    private static readonly ulong[] _wrapped = [ulong.MaxValue, ulong.MaxValue - Page + 1];

    private readonly GeneratorOptions _options;
    private readonly Prng _random;
    private readonly Profile _profile;
    private readonly OperationWriter _writer = new();
    private readonly string _source;
    private readonly Dictionary<string, int> _counters;
    private readonly Stack<GeneratorState> _parents = new();
    private readonly Queue<Func<bool>> _planned = new();
    private readonly List<string> _failedNames = [];

    private GeneratorState _state;
    private Operation? _made;
    private KnownFile? _newFile;
    private KnownMap? _newMap;
    private Action? _onSuccess;
    private int _line = 1;

    internal Generator(ulong seed, GeneratorOptions options)
        : this(seed, options, new GeneratorState(), new Dictionary<string, int>(StringComparer.Ordinal), $"seed-{seed}")
    {
    }

    private Generator(ulong seed, GeneratorOptions options, GeneratorState state, Dictionary<string, int> counters, string source)
    {
        _options = options;
        _random = new Prng(seed);
        _profile = Profile.Get(options.Profile);
        _state = state;
        _counters = counters;
        _source = source;
    }

    /// <summary>Gets the number of fork_begin without a fork_end so far.</summary>
    internal int OpenForks => _parents.Count;

    /// <summary>A generator for a further thread of the process: it knows what this one knows, and draws by a seed of its own.</summary>
    internal Generator ForThread(ulong seed, int thread) =>
        new(seed, _options with { Shared = true }, _state.Copy(), new Dictionary<string, int>(_counters, StringComparer.Ordinal), $"{_source}-thread-{thread}");

    /// <summary>Draws the next operation. Its line number counts from 2, as if a header came first.</summary>
    internal Operation Next()
    {
        _newFile = null;
        _newMap = null;
        _onSuccess = null;
        _made = null;
        _state.Made++;
        while (_planned.TryDequeue(out Func<bool>? planned))
        {
            if (planned())
                return _made!;
        }

        while (true)
        {
            if (_parents.Count > 0 && _random.Percent(ForkPercent))
                return ForkEnd();
            if (Draw(Needed() ?? _profile.Draw(_random)))
                return _made!;
        }
    }

    /// <summary>Draws the fork_end of the innermost child, if there is one: call it at the end of a sequence until it returns null.</summary>
    internal Operation? NextForkEnd() => _parents.Count > 0 ? ForkEnd() : null;

    /// <summary>Tells the outcome of the operation that <see cref="Next"/> drew last.</summary>
    internal void Observe(Operation op, bool succeeded)
    {
        if (op.Name == "fork_begin")
        {
            if (succeeded)
            {
                _parents.Push(_state);
                _state = _state.Fork();
                _planned.Clear();
            }

            return;
        }

        if (op.Name == "fork_end")
        {
            if (_parents.Count > 0)
                _state = _parents.Pop();
            _planned.Clear();
            return;
        }

        string? name = op.As;
        if (!succeeded)
        {
            if (name is not null && _failedNames.Count < 4)
                _failedNames.Add(name);
            return;
        }

        if (name is not null && _newFile is { } file)
        {
            _state.Add(new KnownFd(name, file) { Path = op.Name == "reopen" && (op.U64("flags") & 0x20_0000) != 0 });
            PlanForFile(name, file);
        }

        if (name is not null && _newMap is { } map)
        {
            _state.Add(map with { Name = name });
            PlanForMap(name);
        }

        _onSuccess?.Invoke();
    }

    internal void Observe(Operation op, Outcome outcome) => Observe(op, outcome.Succeeded);

    private bool Emit(OperationWriter writer)
    {
        _made = writer.End(_source, ++_line);
        return true;
    }

    private OperationWriter Op(string name) => _writer.Begin(name);

    /// <summary>A name for what the operation makes; now and then one that an earlier operation failed to bind.</summary>
    private string NewName(string prefix)
    {
        if (_failedNames.Count > 0 && _random.OneIn(4))
        {
            for (int i = 0; i < _failedNames.Count; i++)
            {
                string failed = _failedNames[i];
                if (!failed.StartsWith(prefix, StringComparison.Ordinal) || !char.IsDigit(failed[prefix.Length]))
                    continue;
                _failedNames.RemoveAt(i);
                return failed;
            }
        }

        int n = _counters.GetValueOrDefault(prefix);
        _counters[prefix] = n + 1;
        return prefix + n;
    }

    /// <summary>What must exist before anything else makes sense, and what there is too much of.</summary>
    private Activity? Needed()
    {
        if (_state.Fds.Count > 40 && _random.Percent(60))
            return Activity.Close;
        if (_state.LiveMaps > 40 && _random.Percent(60))
            return Activity.Unmap;
        if (_random.Percent(70))
            return null;
        if (_profile.Uses(Activity.Gmem) && _state.CountOpen(FileKind.Vm) == 0)
            return Activity.Vm;
        if (_profile.Uses(Activity.Gmem) && _state.CountOpen(FileKind.Gmem) == 0)
            return Activity.Gmem;
        if (_profile.Uses(Activity.Secret) && _state.CountOpen(FileKind.Secret) == 0)
            return Activity.Secret;
        return _state.LiveMaps == 0 ? Activity.Map : null;
    }

    private bool Draw(Activity activity) => activity switch
    {
        Activity.Vm => DrawVm(),
        Activity.Gmem => DrawGmem(),
        Activity.Secret => DrawSecret(),
        Activity.Memfd => DrawMemfd(),
        Activity.OtherFile => DrawOtherFile(),
        Activity.Dup => DrawDup(),
        Activity.Close => DrawClose(),
        Activity.Resize => DrawResize(),
        Activity.Fallocate => DrawFallocate(),
        Activity.Map => _random.OneIn(7) ? DrawMmapAnon() : DrawMmap(),
        Activity.Unmap => DrawUnmap(),
        Activity.Protect => DrawProtect(),
        Activity.Remap => DrawRemap(),
        Activity.Advise => DrawAdvise(),
        Activity.Access => DrawAccess(),
        Activity.Lock => DrawLock(),
        Activity.Limit => DrawLimit(),
        Activity.Sync => DrawSync(),
        Activity.Policy => DrawPolicy(),
        Activity.Userfault => DrawUserfault(),
        Activity.Look => DrawLook(),
        Activity.Gup => DrawGup(),
        Activity.Slots => DrawSlot(),
        Activity.VmMore => DrawVmMore(),
        Activity.FileOps => DrawFileOp(),
        _ => DrawFork(),
    };

    private void PlanForFile(string name, KnownFile file)
    {
        switch (file.Kind)
        {
            case FileKind.Secret or FileKind.Memfd or FileKind.TmpFile when file.Size == 0 && _random.Percent(90):
                _planned.Enqueue(() => EmitResize(name));
                if (_random.Percent(60))
                    _planned.Enqueue(() => EmitMmap(name));
                break;
            case FileKind.Gmem when _random.Percent(35):
                _planned.Enqueue(() => EmitMmap(name));
                break;
            default:
                break;
        }
    }

    private void PlanForMap(string name)
    {
        if (_random.Percent(35))
            _planned.Enqueue(() => _state.FindMap(name) is { } map && EmitStore(map));
    }

    // Operands.

    private bool Odd(int percent = 6) => _random.Percent(percent);

    /// <summary>A descriptor of one of the kinds, mostly open; null when there is none.</summary>
    private KnownFd? PickFd(params ReadOnlySpan<FileKind> kinds)
    {
        KnownFd? picked = null;
        int seen = 0;
        foreach (KnownFd fd in _state.Fds)
        {
            bool wanted = false;
            foreach (FileKind kind in kinds)
                wanted |= fd.File.Kind == kind;
            if (wanted && (fd.Open || _random.OneIn(12)) && _random.OneIn(++seen))
                picked = fd;
        }

        return picked;
    }

    private KnownFd? PickAnyFd() => _state.Fds.Count == 0 ? null : _state.Fds[_random.Below(_state.Fds.Count)];

    /// <summary>Writes a descriptor operand: of the kinds; or, now and then, of any kind, closed, a bare number, or none.</summary>
    private KnownFd? WithFd(OperationWriter writer, string field, int wrongPercent, params ReadOnlySpan<FileKind> kinds)
    {
        KnownFd? fd = _random.Percent(wrongPercent) ? PickAnyFd() : PickFd(kinds);
        if (fd is null || Odd(2))
        {
            if (_random.OneIn(3))
                writer.WithNull(field);
            else
                writer.With(field, _random.OneIn(2) ? -1L : 9999L);
            return null;
        }

        writer.With(field, fd.Name);
        return fd.Open ? fd : null;
    }

    private KnownMap? PickMap()
    {
        int count = _state.Maps.Count;
        if (count == 0)
            return null;

        // The newest is the most interesting one; what is gone seldom is.
        for (int attempt = 0; attempt < 4; attempt++)
        {
            KnownMap map = _state.Maps[_random.OneIn(3) ? count - 1 : _random.Below(count)];
            if (!map.Gone || _random.OneIn(5))
                return map;
        }

        return _state.Maps[_random.Below(count)];
    }

    /// <summary>A page-aligned offset in the mapping or a little beyond it, or far away.</summary>
    private long AlignedOffset(KnownMap map)
    {
        ulong pages = Math.Min(Math.Max(map.Length / Page, 1), 16);
        ulong edge = map.Length / Page * Page;
        if (!map.Alone)
            return (long)((ulong)_random.Below((int)pages) * Page);
        return _random.Below(20) switch
        {
            < 8 => 0,
            < 15 => (long)((ulong)_random.Below((int)pages) * Page),
            15 => (long)Math.Min(edge, Reach),
            16 => (long)Math.Min(edge >= Page ? edge - Page : 0, Reach),
            17 => (long)(2UL << 20),
            18 => -(long)Page,
            _ => _random.OneIn(3) ? (long)Reach : (long)((ulong)_random.Below(64) * Page),
        };
    }

    /// <summary>An offset that need not be aligned.</summary>
    private long Offset(KnownMap map)
    {
        long at = AlignedOffset(map);
        long unaligned = _random.Below(14) switch
        {
            0 => 1,
            1 => (long)Page - 1,
            2 => 255,
            3 => 2048,
            4 => 8,
            5 when at >= 8 => -8,
            6 when at >= 1 => -1,
            7 => (long)Page - 8,
            _ => 0,
        };
        return map.Alone ? at + unaligned : Math.Min(Math.Max(at + unaligned, 0), (long)Math.Min(map.Length, Reach) - 1);
    }

    /// <summary>An offset for calls that want whole pages: aligned but for a few.</summary>
    private long RangeOffset(KnownMap map) => Odd(7) ? Offset(map) : AlignedOffset(map);

    /// <summary>A length for calls on ranges of memory that may populate them.</summary>
    private ulong RangeLength(KnownMap map, bool wraps)
    {
        if (!map.Alone)
            return _random.OneIn(8) ? 0 : Page;
        switch (_random.Below(24))
        {
            case < 13:
                return (ulong)(1 + _random.Below(8)) * Page;
            case < 17:
                return map.Length <= Small ? map.Length : Page;
            case 17:
                return map.Length <= Small ? map.Length + Page : 2 * Page;
            case 18:
                return 0;
            case 19:
                return 1;
            case 20:
                return Page - 1;
            case 21:
                return Page + 1;
            case 22 when wraps:
                return _random.Of<ulong>(_wrapped);
            default:
                return (ulong)(1 + _random.Below(64)) * Page;
        }
    }

    private ulong Flags(ReadOnlySpan<ulong> usual, ReadOnlySpan<ulong> odd) => Odd(12) ? _random.Of(odd) : _random.Of(usual);

    private byte[] SomeBytes(bool large = true)
    {
        int length = _random.Below(16) switch
        {
            < 5 => 1,
            < 8 => 4,
            < 12 => 8,
            < 14 => 16,
            14 => 2,
            _ => large && _random.OneIn(8) ? _random.Of<int>([0, 32, 255, 4096, 4097, 8192]) : 32,
        };
        byte[] bytes = new byte[length];
        for (int i = 0; i < bytes.Length; i++)
            bytes[i] = (byte)_random.Next();
        return bytes;
    }

    // fork.

    private bool DrawFork()
    {
        if (_parents.Count >= _options.MaxForkDepth)
            return false;
        if (_random.OneIn(4) && PickMap() is { } map)
            return EmitLoad("fork_child_load", map);
        return Emit(Op("fork_begin"));
    }

    private Operation ForkEnd()
    {
        _planned.Clear();
        Emit(Op("fork_end"));
        return _made!;
    }
}
