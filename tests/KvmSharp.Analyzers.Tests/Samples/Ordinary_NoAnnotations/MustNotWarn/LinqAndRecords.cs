// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

public record Order(int Id, decimal Total, DateOnly Day)
{
    public string? Note { get; init; }
}

public readonly record struct Key(int A, string B);

public interface IRepository<T>
{
    IEnumerable<T> All { get; }

    T this[int id] { get; set; }

    event EventHandler<T>? Changed;
}

public sealed class Orders(List<Order> items) : IRepository<Order>
{
    public event EventHandler<Order>? Changed;

    public IEnumerable<Order> All => items;

    public Order this[int id]
    {
        get => items.First(order => order.Id == id);
        set
        {
            int at = items.FindIndex(order => order.Id == id);
            items[at] = value with { Id = id };
            Changed?.Invoke(this, value);
        }
    }

    public IEnumerable<(DateOnly Day, decimal Sum)> PerDay()
        => from order in items
           where order.Total > 0
           group order by order.Day into day
           orderby day.Key
           select (day.Key, day.Sum(order => order.Total));

    public static async Task<int> CountAsync(IAsyncEnumerable<Order> source)
    {
        int count = 0;
        await foreach (Order order in source)
            count += order is { Total: > 10, Note: not null } ? 1 : 0;
        return count;
    }
}
