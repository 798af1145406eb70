// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.
// global option: kvmsharp.external_annotations = off
// annotation: M:System.Text.StringBuilder.Clear : [MustHold("this")]
using System.Text;

class User
{
    readonly StringBuilder _text = new();

    void A() => _text.Clear();
}
