// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

// annotation: M:System.Text.StringBuilder.Clear : MustHold("this")
// annotation: M:System.IO.Stream.Flush : MightSleep
// annotation: F:Plain.Value : GuardedBy("Gate")
using System.IO;
using System.Text;

class Plain
{
    public readonly object Gate = new();
    public int Value;
}

class Work
{
    readonly Spin _spin = new();

    void A(StringBuilder b, Stream s, Plain p)
    {
        b.Clear(); // KS1003
        lock (b)
            b.Clear();
        _spin.Lock();
        s.Flush(); // KS1011
        _spin.Unlock();
        s.Flush();
        p.Value = 1; // KS1002
        lock (p.Gate)
            p.Value = 2;
    }
}
