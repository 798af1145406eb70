// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

using System;
using System.Collections.Generic;

class Node
{
    public int Value;
    public Node? Next;

    public void Touch()
    {
    }
}

class Registry
{
    readonly object _mu = new();

    [PtGuardedBy("_mu")]
    Node? _head;

    [PtGuardedBy("_mu")]
    Node? _other;

    Node? _plain;

    [PtGuardedBy("_mu")]
    List<int> _list = new();

    [GuardedBy("_mu")]
    int _count;

    bool Free() => _head == null || _head is null || ReferenceEquals(_head, _plain);

    void A()
    {
        Node? n = _head;
        UseInt(n!.Value); // KS1001
        n.Value = 3; // KS1002
        n.Touch(); // KS1001
        lock (_mu)
        {
            n.Touch();
            _head!.Value = 1;
        }

        _head.Touch(); // KS1001
        _list.Add(1); // KS1001
        UseInt(_list[0]); // KS1001
        n = _plain;
        n!.Touch();
    }

    void B()
    {
        _head = new Node();
        _head = null;
    }

    Node? C() => _head; // KS1012

    [MustHold("_mu")]
    Node? D() => _head;

    void E()
    {
        lock (_mu)
        {
            _plain = _head; // KS1012
            _other = _head;
            Use(_head);
        }

        Use(_head); // KS1012
    }

    Action F()
    {
        Node? n = _head;
        return () => Use(n); // KS1012
    }

    ref int G() => ref _count; // KS1012

    [MustHold("_mu")]
    ref int H() => ref _count;

    [MustHoldShared("_mu")]
    ref readonly int I() => ref _count;

    [MustHoldShared("_mu")]
    ref int J() => ref _count; // KS1012

    List<int> K()
    {
        lock (_mu)
            return _list; // KS1012
    }
}
