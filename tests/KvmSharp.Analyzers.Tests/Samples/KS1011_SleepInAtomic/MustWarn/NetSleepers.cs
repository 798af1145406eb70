// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

class Work
{
    readonly Spin _spin = new();
    readonly object _gate = new();

    void A(Task task, Task<int> number, ManualResetEventSlim mres, CountdownEvent count, Barrier barrier, SemaphoreSlim sem, EventWaitHandle handle)
    {
        _spin.Lock();
        Thread.Sleep(10); // KS1011
        task.Wait(); // KS1011
        UseInt(number.Result); // KS1011
        task.GetAwaiter().GetResult(); // KS1011
        mres.Wait(); // KS1011
        count.Wait(); // KS1011
        barrier.SignalAndWait(); // KS1011
        sem.Wait(); // KS1011
        handle.WaitOne(); // KS1011
        Task.WaitAll(task); // KS1011
        _spin.Unlock();
    }

    void B(Thread thread, System.Collections.Concurrent.BlockingCollection<int> items)
    {
        _spin.Lock();
        thread.Join(); // KS1011
        items.Take(); // KS1011
        lock (_gate) // KS1011
        {
        }

        _spin.Unlock();
    }
}
