// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Diagnostics;
using KvmSharp.Conformance.Generate;
using KvmSharp.Init;

namespace KvmSharp.Conformance.Live;

/// <summary>What to run on the host and the model.</summary>
public sealed record LiveOptions
{
    /// <summary>Name of the profile that changes recorded traces in place of drawing sequences.</summary>
    public const string Mutate = "mutate";

    /// <summary>Gets the first seed.</summary>
    public ulong FirstSeed { get; init; } = 1;

    /// <summary>Gets the last seed.</summary>
    public ulong LastSeed { get; init; } = 100;

    /// <summary>Gets the operations of one sequence, before the ends of its forks.</summary>
    public int Operations { get; init; } = 200;

    /// <summary>Gets the profile of the generator, or <see cref="Mutate"/>; null takes all of the generator in turn.</summary>
    public string? Profile { get; init; }

    /// <summary>Gets the traces that <see cref="Mutate"/> starts from.</summary>
    public IReadOnlyList<string> Traces { get; init; } = [];

    /// <summary>Gets the time after which no further sequence is begun.</summary>
    public TimeSpan Time { get; init; } = TimeSpan.MaxValue;

    /// <summary>Gets the folder for a minimal trace of each class of differences, or null.</summary>
    public string? Out { get; init; }

    /// <summary>Gets the folder for the whole of every sequence, or null.</summary>
    public string? Keep { get; init; }

    /// <summary>Gets a value indicating whether differences are made smaller.</summary>
    public bool Shrink { get; init; } = true;

    /// <summary>Gets names of the generator's profiles.</summary>
    public static IReadOnlyList<string> Profiles => [.. Generate.Profile.Names, Mutate];
}

/// <summary>A class of differences between the host and the model.</summary>
/// <param name="Class">What they have in common.</param>
/// <param name="Seed">Seed of the first.</param>
/// <param name="Profile">Its profile.</param>
/// <param name="Text">Both answers.</param>
/// <param name="Operations">The shortest sequence that shows it, as lines of a trace.</param>
/// <param name="File">The trace that was written, or null.</param>
public sealed record LiveFinding(string Class, ulong Seed, string Profile, string Text, IReadOnlyList<string> Operations, string? File)
{
    /// <summary>Gets how many sequences ended in this class.</summary>
    public int Count { get; internal set; } = 1;
}

/// <summary>What a run found.</summary>
/// <param name="Sequences">Sequences that were run.</param>
/// <param name="Operations">Operations in them.</param>
/// <param name="Findings">Differences by class.</param>
/// <param name="Problems">What went wrong with the host's side: agents that died or hung.</param>
/// <param name="Unsteady">Classes that the host itself does not repeat.</param>
public sealed record LiveResult(int Sequences, long Operations, IReadOnlyList<LiveFinding> Findings, IReadOnlyList<string> Problems, IReadOnlyList<string> Unsteady);

/// <summary>Draws sequences, runs them on the host's own kernel and on the model, and makes what differs small.</summary>
public sealed class LiveRecorder
{
    private const int Repetitions = 3;
    private static readonly HostOptions _model = Replayer.Recorders;

    private readonly LiveOptions _options;
    private readonly TraceHeader _header;
    private readonly Lock _lock = new();
    private readonly Dictionary<string, LiveFinding?> _found = new(StringComparer.Ordinal);
    private readonly List<string> _problems = [];
    private readonly List<string> _unsteady = [];
    private readonly List<IReadOnlyList<Operation>> _traces = [];
    private int _sequences;
    private long _operations;

    private LiveRecorder(LiveOptions options)
    {
        _options = options;
        _header = LiveHost.Describe();
        if (options.Profile == LiveOptions.Mutate)
            _traces.AddRange(options.Traces.Select(MutatedTrace.Inputs).Where(t => t.Count > 0));
    }

    /// <summary>Runs every seed.</summary>
    /// <param name="options">What to run.</param>
    /// <param name="found">Is called with each new class; one call at a time.</param>
    /// <param name="progress">Is called after each sequence.</param>
    /// <exception cref="HostException">The host cannot be used at all.</exception>
    public static LiveResult Run(LiveOptions options, Action<LiveFinding> found, Action progress)
    {
        var recorder = new LiveRecorder(options);
        var clock = Stopwatch.StartNew();
        ulong count = options.LastSeed - options.FirstSeed + 1;
        Parallel.For(0L, (long)Math.Min(count, long.MaxValue), new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, (i, state) =>
        {
            if (clock.Elapsed >= options.Time)
            {
                state.Stop();
                return;
            }

            recorder.Sequence(options.FirstSeed + (ulong)i, found);
            progress();
        });
        return new LiveResult(
            recorder._sequences, recorder._operations, [.. recorder._found.Values.OfType<LiveFinding>().OrderByDescending(f => f.Count)], recorder._problems, recorder._unsteady);
    }

    /// <summary>Carries out a hand-written list of operations on the host and writes the trace of it, under the list's name.</summary>
    /// <param name="file">A trace whose outputs need not be there.</param>
    /// <param name="folder">Where the trace goes.</param>
    /// <returns>The trace's path and how many operations it has.</returns>
    /// <exception cref="TraceFormatException">The list is not readable.</exception>
    /// <exception cref="HostException">The host's side died or hung, or does not repeat its answers.</exception>
    public static (string File, int Operations) Record(string file, string folder)
    {
        using var reader = new TraceReader(file);
        TraceHeader header = LiveHost.Describe() with { Name = reader.Header.Name, Family = reader.Header.Family };
        string[] texts = [.. reader.Operations().Select(op => op.Raw)];
        IReadOnlyList<Answered>? recorded = null;
        for (int i = 0; i < Repetitions; i++)
        {
            Operation[] operations = [.. texts.Select((text, line) => OperationWriter.Parse(file, line + 2, text))];
            IReadOnlyList<Answered> again = LockStep.RunOnHost(OperationFeed.Of(operations), header).Answered;
            int different = recorded is null ? -1 : Enumerable.Range(0, Math.Min(again.Count, recorded.Count)).FirstOrDefault(n => TraceWriter.Line(again[n]) != TraceWriter.Line(recorded[n]), -1);
            if (different >= 0)
                throw new HostException($"{file}:{different + 2}: the host does not give the same answer every time: {TraceWriter.Line(again[different])}");
            recorded = again;
        }

        string path = Path.Combine(folder, header.Name + ".jsonl");
        TraceWriter.Write(path, header, null, reader.Header.Note, recorded!);
        return (path, recorded!.Count);
    }

    private string ProfileOf(ulong seed) => _options.Profile ?? Profile.Names[(int)(seed % (ulong)Profile.Names.Count)];

    private OperationFeed Feed(ulong seed, string profile)
    {
        if (profile == LiveOptions.Mutate)
        {
            IReadOnlyList<Operation> trace = _traces[(int)(seed % (ulong)_traces.Count)];
            return OperationFeed.Of(MutatedTrace.Mutate(trace, seed, $"seed-{seed}"));
        }

        var generator = new Generator(seed, new GeneratorOptions { Profile = profile });
        int left = _options.Operations;
        return new OperationFeed(() => left-- > 0 ? generator.Next() : generator.NextForkEnd(), generator.Observe);
    }

    private void Sequence(ulong seed, Action<LiveFinding> found)
    {
        string profile = ProfileOf(seed);
        LockStep run;
        try
        {
            run = LockStep.Run(Feed(seed, profile), _header, _model);
        }
        catch (HostException e)
        {
            lock (_lock)
                _problems.Add($"seed {seed}, profile {profile}: {e.Message}");
            return;
        }

        TraceHeader header = _header with { Name = $"live_{profile}_{seed}", Family = $"live/{profile}" };
        if (_options.Keep is { } keep)
            TraceWriter.Write(Path.Combine(keep, header.Name + ".jsonl"), header, seed, null, run.Answered);
        lock (_lock)
        {
            _sequences++;
            _operations += run.Answered.Count;
            if (run.Difference is not { } seen)
                return;
            if (_found.TryGetValue(seen.Class, out LiveFinding? known))
            {
                if (known is not null)
                    known.Count++;
                return;
            }

            // The place is taken: another thread with the same class need not look.
            _found[seen.Class] = null;
        }

        Look(run, header, seed, profile, found);
    }

    private void Look(LockStep run, TraceHeader header, ulong seed, string profile, Action<LiveFinding> found)
    {
        Difference difference = run.Difference!;
        IReadOnlyList<Operation> operations = Shrinker.Balance([.. run.Answered.Select(a => a.Operation)]);
        if (_options.Shrink)
            operations = new Shrinker(candidate => Shows(candidate, difference.Class), maxRuns: 600, TimeSpan.FromSeconds(60)).Shrink(operations);
        LockStep? shortest = Again(operations);
        if (shortest?.Difference?.Class != difference.Class || !Steady(operations))
        {
            lock (_lock)
                _unsteady.Add($"seed {seed}, profile {profile}: {difference.Class}: {difference.Text}");
            return;
        }

        string? file = null;
        IReadOnlyList<Answered> whole = LockStep.RunOnHost(OperationFeed.Of(operations), _header).Answered;
        if (_options.Out is { } folder)
        {
            file = Path.Combine(folder, header.Name + ".jsonl");
            TraceWriter.Write(file, header, seed, $"{difference.Class}", whole);
        }

        var finding = new LiveFinding(difference.Class, seed, profile, shortest.Difference.Text, [.. whole.Select(TraceWriter.Line)], file);
        lock (_lock)
        {
            _found[difference.Class] = finding;
            found(finding);
        }
    }

    private bool Shows(IReadOnlyList<Operation> candidate, string wanted) => Again(candidate)?.Difference?.Class == wanted;

    private LockStep? Again(IReadOnlyList<Operation> operations)
    {
        try
        {
            return LockStep.Run(OperationFeed.Of(operations), _header, _model);
        }
        catch (Exception e) when (e is HostException or TraceFormatException)
        {
            // What is left waits for ever, or makes no sense.
            return null;
        }
    }

    /// <summary>Whether the host gives the same answers every time.</summary>
    private bool Steady(IReadOnlyList<Operation> operations)
    {
        string? first = null;
        for (int i = 0; i < Repetitions; i++)
        {
            string now = string.Join('\n', LockStep.RunOnHost(OperationFeed.Of(operations), _header).Answered.Select(TraceWriter.Line));
            first ??= now;
            if (now != first)
                return false;
        }

        return true;
    }
}
