// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.
// annotation: M:System.Text.StringBuilder.Clear : [MustHold("this")]
using System.Text;

class User
{
    readonly StringBuilder _text = new();

    void A() => _text.Clear(); // KS1003

    void B()
    {
        lock (_text)
        {
            _text.Clear();
        }
    }

    void C(StringBuilder a, StringBuilder b)
    {
        lock (a)
        {
            a.Clear().Append('x');
            b.Clear(); // KS1003
        }
    }
}
