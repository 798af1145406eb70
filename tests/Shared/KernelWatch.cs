// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Diagnostics;
using KvmSharp.Tests;
using NUnit.Framework.Interfaces;

[assembly: ChecksKernels]

namespace KvmSharp.Tests;

/// <summary>The kernels that a test leaves behind, or shuts down, are not what <see cref="ChecksKernelsAttribute"/> takes for whole.</summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method)]
internal sealed class LeavesKernelBrokenAttribute(string reason) : PropertyAttribute(reason);

/// <summary>
/// After every test, checks each kernel that is still up, and what was found at the shutdown of each that is not: every invariant holds, and no
/// counted object outlives its kernel.
/// </summary>
[AttributeUsage(AttributeTargets.Assembly)]
internal sealed class ChecksKernelsAttribute : Attribute, ITestAction
{
    private static readonly KernelWatch Watch = new();

    public ActionTargets Targets => ActionTargets.Test;

    public void BeforeTest(ITest test) => Watch.Take();

    public void AfterTest(ITest test)
    {
        IReadOnlyList<string> wrong = Watch.Take();
        if (wrong.Count != 0 && !Excused(test))
            Assert.Fail(string.Join(Environment.NewLine, wrong));
    }

    private static bool Excused(ITest test)
    {
        for (ITest? t = test; t is not null; t = t.Parent)
        {
            if (t.Properties.ContainsKey("LeavesKernelBroken"))
                return true;
        }

        return false;
    }
}

/// <summary>Follows kernels from boot to shutdown by what they announce.</summary>
internal sealed class KernelWatch : IObserver<KeyValuePair<string, object?>>
{
    private readonly Lock _gate = new();
    private readonly List<Linux.Kernel> _alive = [];
    private readonly List<string> _wrong = [];

    internal KernelWatch() => Linux.Kernel.Lifetimes.Subscribe(this);

    public void OnCompleted()
    {
    }

    public void OnError(Exception error)
    {
    }

    public void OnNext(KeyValuePair<string, object?> value)
    {
        var kernel = (Linux.Kernel)value.Value!;
        if (value.Key == "Booted")
        {
            lock (_gate)
                _alive.Add(kernel);
            return;
        }

        lock (_gate)
            _alive.Remove(kernel);
        Check(kernel, shutdown: true);
    }

    /// <summary>Checks the kernels that are up; returns and forgets what was wrong with any since the last call.</summary>
    internal IReadOnlyList<string> Take()
    {
        Linux.Kernel[] alive;
        lock (_gate)
            alive = [.. _alive];
        foreach (Linux.Kernel kernel in alive)
            Check(kernel, shutdown: false);
        lock (_gate)
        {
            string[] wrong = [.. _wrong];
            _wrong.Clear();
            return wrong;
        }
    }

    // On a thread of its own: the calling one may be a task of this kernel or another.
    private void Check(Linux.Kernel kernel, bool shutdown)
    {
        // Under an explorer nobody runs whom the explorer does not know; its tests check for themselves.
        if (kernel.Explorer is not null)
            return;
        var thread = new Thread(() =>
        {
            try
            {
                Linux.FailureInjector? failures = kernel.Failures;
                kernel.Failures = null;
                kernel.RunTask(kernel.CheckInvariants, "check");
                if (shutdown)
                {
                    kernel.RunExits();
                    foreach (string left in kernel.LiveObjects)
                        Report("still alive at shutdown: " + left);
                }

                kernel.Failures = failures;
            }
            catch (Exception e)
            {
                Report(e.Message);
            }
        })
        {
            IsBackground = true,
        };
        thread.Start();
        if (!thread.Join(TimeSpan.FromSeconds(20)))
            Report("the check of a kernel does not end: somebody holds a lock, or every CPU");
    }

    private void Report(string what)
    {
        lock (_gate)
            _wrong.Add(what);
    }
}
