// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

public sealed class Worker : IDisposable
{
    private readonly object _gate = new();
    private readonly AutoResetEvent _wake = new(false);
    [GuardedBy("_gate")] private readonly Queue<Action> _work = new();
    [GuardedBy("_gate")] private bool _stopped;
    private readonly Thread _thread;

    public Worker()
    {
        _thread = new Thread(Loop);
        _thread.Start();
    }

    public bool TryPost(Action action)
    {
        lock (_gate)
        {
            if (_stopped)
                return false;
            _work.Enqueue(action);
        }

        _wake.Set();
        return true;
    }

    public void Dispose()
    {
        lock (_gate)
            _stopped = true;
        _wake.Set();
        _thread.Join();
        _wake.Dispose();
    }

    private void Loop()
    {
        while (true)
        {
            Action? next;
            lock (_gate)
            {
                if (!_work.TryDequeue(out next) && _stopped)
                    return;
            }

            if (next is null)
                _wake.WaitOne();
            else
                next();
        }
    }
}
