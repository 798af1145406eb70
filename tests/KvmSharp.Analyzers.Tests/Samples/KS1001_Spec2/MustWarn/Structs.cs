// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

struct Pair
{
    public int A;
    public int B;

    public void Set(int a) => A = a;

    public readonly int Sum() => A + B;

    public int Auto { get; set; }
}

class Owner
{
    public readonly KMutex Mu = new();

    [GuardedBy("Mu")]
    Pair _pair;

    [GuardedBy("Mu")]
    int[] _array = new int[3];

    [GuardedBy("Mu")]
    Owner? _next;

    [GuardedBy("Mu")]
    public int Prop { get; set; }

    int _field;

    void A()
    {
        _pair.A = 1; // KS1002
        _pair.Set(1); // KS1002
        UseInt(_pair.Sum()); // KS1001
        UseInt(_pair.A); // KS1001
        UseInt(_pair.Auto); // KS1001
        _pair.Auto = 2; // KS1002
        Pair copy = _pair; // KS1001
        copy.A = 1;
    }

    void B()
    {
        _array[0] = 1; // KS1002
        UseInt(_array[0]); // KS1001
        _array[1]++; // KS1002
        UseInt(_array.Length); // KS1001
        _array = new int[2]; // KS1002
    }

    void C()
    {
        _next!._field = 1; // KS1001
        _next = null; // KS1002
        Prop++; // KS1002
        UseInt(Prop); // KS1001
        (_field, Prop) = (1, 2); // KS1002
        _next ??= this; // KS1002
        Use(nameof(_next));
        UseInt(sizeof(int));
    }

    void D(Owner o)
    {
        o.Mu.Lock();
        o.Prop = 1;
        Prop = 1; // KS1002
        o.Mu.Unlock();
        var fresh = new Owner { Prop = 3 };
        fresh.Prop = 4;
        Use(fresh);
        fresh.Prop = 5; // KS1002
    }

    Owner()
    {
        Prop = 1;
        _array[0] = 2;
        System.Action a = () => Prop = 2; // KS1002
        Use(a);
    }

    Owner(Owner other)
    {
        other.Prop = 1; // KS1002
        Prop = 1;
    }

    ~Owner() => Prop = 0;

    int Init
    {
        init => Prop = value;
    }
}

record Entry(object Gate, [property: GuardedBy("Gate")] int Value)
{
    public int Bad() => Value; // KS1001

    public Entry Copy() => this with { Value = 3 };
}

class Statics
{
    static readonly object Gate = new();

    [GuardedBy("Gate")]
    static int s_count = 1;

    static Statics() => s_count = 2;

    Statics() => s_count = 3; // KS1002

    static int Get() => s_count; // KS1001

    static int Locked()
    {
        lock (Gate)
            return s_count;
    }
}
