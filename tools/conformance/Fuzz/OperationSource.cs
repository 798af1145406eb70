// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using KvmSharp.Conformance.Generate;

namespace KvmSharp.Conformance.Fuzz;

/// <summary>Where the operations of a fuzzed process come from.</summary>
internal interface IOperationSource
{
    /// <summary>The next operation; null at the end.</summary>
    Operation? Next();

    /// <summary>Tells what became of the operation given last.</summary>
    void Observe(Operation op, bool succeeded);
}

/// <summary>
/// Draws from a generator and puts failures of allocations in between: <c>fail_nth</c> makes the n-th allocation of the following operation fail,
/// <c>fail_random</c> each of its allocations with the likelihood <c>probability</c> in percent, <c>times</c> in all, as drawn from <c>seed</c>.
/// </summary>
internal sealed class GeneratedSource : IOperationSource
{
    private readonly Generator _generator;
    private readonly Prng _random;
    private readonly OperationWriter _writer = new();
    private readonly int _failPercent;
    private readonly bool _shared;
    private int _left;
    private bool _armed;

    internal GeneratedSource(Generator generator, ulong seed, int operations, int failPercent, bool shared)
    {
        _generator = generator;
        _random = new Prng(seed);
        _left = operations;
        _failPercent = failPercent;
        _shared = shared;
    }

    public Operation? Next()
    {
        if (_left <= 0)
            return _generator.NextForkEnd();
        if (!_armed && _random.Percent(_failPercent))
        {
            _armed = true;
            return Failure();
        }

        _armed = false;
        _left--;
        return _generator.Next();
    }

    public void Observe(Operation op, bool succeeded) => _generator.Observe(op, succeeded);

    private Operation Failure()
    {
        if (_shared || _random.Percent(65))
        {
            // Most calls allocate a few times only; some loop over pages.
            int n = _random.Below(8) switch
            {
                0 => 1 + _random.Below(200),
                < 3 => 1 + _random.Below(12),
                _ => 1 + _random.Below(4),
            };
            return _writer.Begin("fail_nth").With("n", (long)n).End("generated", 0);
        }

        return _writer.Begin("fail_random").With("probability", (long)_random.Of<int>([1, 5, 10, 25, 50, 100])).With("times", (long)_random.Of<int>([1, 2, 5, 20]))
            .With("seed", (long)_random.Below(int.MaxValue)).End("generated", 0);
    }
}

/// <summary>A list of operations.</summary>
internal sealed class ListSource(IReadOnlyList<Operation> operations) : IOperationSource
{
    private int _at;

    public Operation? Next() => _at < operations.Count ? operations[_at++] : null;

    public void Observe(Operation op, bool succeeded)
    {
        // What is given does not depend on what came of it.
    }
}
