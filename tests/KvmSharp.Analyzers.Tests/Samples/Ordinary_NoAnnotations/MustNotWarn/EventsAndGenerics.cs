// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

public abstract class Node<T>
    where T : IComparable<T>
{
    private static int _made;
    private protected Node<T>? Left, Right;

    protected Node(T value)
    {
        Value = value;
        Id = Interlocked.Increment(ref _made);
    }

    public T Value { get; }

    public int Id { get; }

    public virtual IEnumerable<T> Walk()
    {
        foreach (T value in Left?.Walk() ?? [])
            yield return value;
        yield return Value;
        foreach (T value in Right?.Walk() ?? [])
            yield return value;
    }

    public static bool operator <(Node<T> a, Node<T> b) => a.Value.CompareTo(b.Value) < 0;

    public static bool operator >(Node<T> a, Node<T> b) => b < a;

    public static implicit operator T(Node<T> node) => node.Value;

    protected abstract Node<T> Make(T value);

    public void Insert(T value)
    {
        ref Node<T>? at = ref value.CompareTo(Value) < 0 ? ref Left : ref Right;
        if (at is null)
            at = Make(value);
        else
            at.Insert(value);
    }
}
