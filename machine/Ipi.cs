// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.

using KvmSharp.Annotations;

namespace KvmSharp.Machine;

/// <summary>What an explorer of interleavings controls. Null on a machine means: threads run free.</summary>
public interface ISchedulingHook
{
    /// <summary>A CPU is about to act on requests of others: each acknowledgement is a step of its own. No model lock is held.</summary>
    /// <param name="target">The CPU that acts.</param>
    /// <param name="runner">The CPU whose thread runs it: the target itself, or the sender when the target is parked.</param>
    void BeforeAck(Cpu target, Cpu runner);

    /// <summary>A sender has nothing to do until another CPU acknowledges; called in place of spinning. May return at any time.</summary>
    /// <param name="self">The sender.</param>
    void WaitForAcks(Cpu self);
}

// One request to many CPUs. Belongs to its sender; free when nothing is outstanding.
internal sealed class CallBlock
{
    public IpiFunction? Function;
    public object? Argument;
    public ulong A;
    public ulong B;
    public ulong C;
    public long SentPs;
    public bool Broadcast;
    public int Outstanding;
    private long _lastAckPs;

    public long LastAckPs => Volatile.Read(ref _lastAckPs);

    public void Reset() => Volatile.Write(ref _lastAckPs, 0);

    public void Acknowledge(long ps)
    {
        long seen = Volatile.Read(ref _lastAckPs);
        while (ps > seen)
        {
            long was = Interlocked.CompareExchange(ref _lastAckPs, ps, seen);
            if (was == seen)
                break;
            seen = was;
        }

        Interlocked.Decrement(ref Outstanding);
    }
}

// Requests to one CPU in order of arrival. Grows as needed and never shrinks, so that the steady state allocates nothing.
internal sealed class CallQueue
{
    private SpinGate _gate;

    [GuardedBy("_gate")]
    private CallBlock?[] _ring = new CallBlock?[8];

    [GuardedBy("_gate")]
    private int _head;

    private int _count;

    public int Count => Volatile.Read(ref _count);

    public void Enqueue(CallBlock block)
    {
        _gate.Enter();
        if (_count == _ring.Length)
        {
            CallBlock?[] grown = new CallBlock?[_ring.Length * 2];
            for (int i = 0; i < _count; i++)
                grown[i] = _ring[(_head + i) & (_ring.Length - 1)];
            _ring = grown;
            _head = 0;
        }

        _ring[(_head + _count) & (_ring.Length - 1)] = block;
        Volatile.Write(ref _count, _count + 1);
        _gate.Exit();
    }

    public CallBlock? Dequeue()
    {
        if (Count == 0)
            return null;
        _gate.Enter();
        CallBlock? b = null;
        if (_count != 0)
        {
            b = _ring[_head];
            _ring[_head] = null;
            _head = (_head + 1) & (_ring.Length - 1);
            Volatile.Write(ref _count, _count - 1);
        }

        _gate.Exit();
        return b;
    }
}
